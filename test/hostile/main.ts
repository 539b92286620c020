/**
 * Attacks a cluster and a plain Socket.IO server with the same bytes.
 *
 *     npm run test:hostile -- --seconds 600 --seed 7 --only tls
 *     npm run test:hostile -- --seed 7 --case heads:123      (one case again)
 */
import { parseArgs } from "node:util";
import { runHostile } from "./run.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    only: { type: "string" },
    case: { type: "string" },
    enough: { type: "string", default: "20" },
  },
});
const seed = Number(values.seed);
console.log(`seed ${seed}`);
const { findings, ...report } = await runHostile({
  seed,
  seconds: Number(values.seconds),
  enough: Number(values.enough),
  only: values.only?.split(","),
  case: values.case,
  log: console.log,
});
console.log(JSON.stringify(report, null, 2));
console.log(findings.length === 0 ? "nothing found" : `${findings.length} findings, seed ${seed}`);
process.exit(findings.length === 0 ? 0 : 1);
