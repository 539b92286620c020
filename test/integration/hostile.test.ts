import t from "tap";
import { noOpenssl } from "../helpers/certificates.js";
import { runHostile } from "../hostile/run.js";

/** Starting two clusters, and waiting for everything to return, come on top of it. */
const SECONDS = 20;

t.setTimeout(200_000);

t.test(
  "B1 whatever a client, a worker or a peer sends: no process ends, and answers are Socket.IO's",
  { skip: noOpenssl },
  async (t) => {
    t.setTimeout(180_000);
    const seed = Number(process.env.SEED ?? 1);
    const { findings, played } = await runHostile({ seed, seconds: SECONDS });
    t.comment(`seed ${seed}: ${JSON.stringify(played)}`);
    for (const { cases, what } of findings) {
      t.fail(`${cases}: npm run test:hostile -- --seed ${seed} --case ${cases}\n${what}`);
    }
    // Every area has had its turn.
    for (const [area, count] of Object.entries(played)) t.ok(count > 0, `${area}: ${count} cases`);
    t.ok(Object.keys(played).length >= 18, "all areas");
  },
);
