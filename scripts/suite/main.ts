// `npm test`: one line for each file, what failed with its diagnostics, and the sum.
//
//   npm test                                      the suite, without the gate's part
//   npm test -- test/integration/tls.test.ts      files, whole, or folders
//   npm test -- --gate                            all of it; nothing may skip; CI=true does the same
import { basename } from "node:path";
import { inspect, parseArgs } from "node:util";
import { testFiles } from "./files.js";
import type { FileResult } from "./read-tap.js";
import { endWithSignals, runSuite } from "./run.js";

const { values, positionals } = parseArgs({
  options: {
    gate: { type: "boolean", default: Boolean(process.env.CI) },
    jobs: { type: "string" },
  },
  allowPositionals: true,
});

try {
  testFiles(positionals, values.gate);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}

endWithSignals();
const started = performance.now();
const say = console.log;
const files = await runSuite({
  gate: values.gate,
  jobs: values.jobs,
  files: positionals,
  onFile: (file) => say(line(file)),
});

const sum = (key: "passed" | "failed" | "skipped" | "leftOut"): number =>
  files.reduce((total, file) => total + file[key], 0);
for (const { name, skips } of files) for (const skip of skips) say(`skipped: ${name} > ${skip}`);
const { leftOut } = testFiles(positionals, values.gate);
if (leftOut.length > 0) {
  const names = leftOut.map((file) => basename(file, ".gate.test.ts")).join(", ");
  say(`left out: ${sum("leftOut")} tests, and ${names} (npm test -- --gate runs them)`);
}
let failed = sum("failed");
if (sum("passed") === 0) {
  say("No test has run.");
  failed ||= 1;
}
if (values.gate && sum("skipped") > 0) {
  say("In the gate nothing may skip.");
  failed += sum("skipped");
}
const seconds = Math.round((performance.now() - started) / 1_000);
say(`${sum("skipped")} skipped, ${seconds} s`);
say(`${sum("passed")} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function line(file: FileResult): string {
  const { name, ok, passed, failures, skipped, duration } = file;
  const head = `${ok ? "ok  " : "FAIL"} ${`${(duration / 1_000).toFixed(1)} s`.padStart(7)}  ${name}`;
  const counts = [`${passed} passed`];
  if (failures.length > 0) counts.push(`${failures.length} failed`);
  if (skipped > 0) counts.push(`${skipped} skipped`);
  const details = failures.map(
    ({ name, diag }) => `     ${name}\n${inspect(diag, { depth: 8 }).replace(/^/gm, "       ")}`,
  );
  return [`${head}  (${counts.join(", ")})`, ...details].join("\n");
}
