// Runs test files, each in a process of its own and the unit tests in one, and writes TAP.
// scripts/suite/main.ts, which `npm test` starts, makes something readable of it.
//
//   node --import tsx scripts/suite/run.ts [--jobs=2] [--gate] [files or folders]
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import t from "tap";
import { ROOT, testFiles } from "./files.js";

/** For all the tests of one file (ms). */
const TIMEOUT = 240_000;
/** Several clusters at once on many cores would only wait for the same ports, files and pipes. */
const MOST_JOBS = 4;

const { values, positionals } = parseArgs({
  options: { jobs: { type: "string" }, gate: { type: "boolean", default: false } },
  allowPositionals: true,
});
const { unit, together, timed, gate } = testFiles(positionals);
// What was asked for by name runs.
const withGate = values.gate || positionals.length > 0;
const jobs = Number(values.jobs ?? Math.min(availableParallelism(), MOST_JOBS));
if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs=${values.jobs}: not a number`);

function start(
  name: string,
  file: string,
  options: { buffered: boolean; env?: NodeJS.ProcessEnv },
) {
  void t.spawn(process.execPath, ["--import", "tsx", file], {
    name,
    cwd: ROOT,
    timeout: TIMEOUT,
    at: null,
    stack: "",
    ...options,
  });
}

t.setTimeout(0);
// Of the tests in one file each; the limit of the file is what counts.
process.env.TAP_TIMEOUT = String(TIMEOUT / 1_000);
t.jobs = jobs;
// One that is not buffered waits until all before it have ended, and all after it wait for it.
const alone = { buffered: false };
if (unit.length > 1) {
  const env = { ...process.env, UNIT_TESTS: unit.join() };
  start(`test/unit: ${unit.length} files`, "test/unit/all.ts", { ...alone, env });
}
for (const file of unit.length === 1 ? unit : []) start(file, file, alone);
for (const file of together) start(file, file, { buffered: jobs > 1 });
for (const file of [...timed, ...(withGate ? gate : [])]) start(file, file, alone);
