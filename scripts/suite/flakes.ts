// Runs the whole suite several times, and says what failed how often and what varied.
//
//   npm run test:flakes -- 10 [--no-gate] [files or folders]
import { parseArgs } from "node:util";
import type { FileResult } from "./read-tap.js";
import { endWithSignals, runSuite } from "./run.js";

const { values, positionals } = parseArgs({
  options: { "no-gate": { type: "boolean", default: false }, jobs: { type: "string" } },
  allowPositionals: true,
});
const [times = "10", ...files] = positionals;
const count = Number(times);
if (!Number.isInteger(count) || count < 1) {
  throw new Error(`${times}: how often is a number, as in npm run test:flakes -- 10`);
}

endWithSignals();
const runs: { seconds: number; files: FileResult[] }[] = [];
for (let n = 1; n <= count; n++) {
  const started = performance.now();
  const results = await runSuite({ gate: !values["no-gate"], jobs: values.jobs, files });
  const seconds = (performance.now() - started) / 1_000;
  runs.push({ seconds, files: results });
  const sum = (key: "passed" | "failed" | "skipped") =>
    results.reduce((total, file) => total + file[key], 0);
  console.log(
    `run ${n}: ${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped, ` +
      `${seconds.toFixed(0)} s`,
  );
}

const byName = groupBy(
  runs.flatMap(({ files }) => files),
  ({ name }) => name,
);

console.log("\nFiles that failed, in how many of their runs:");
const failed = [...byName]
  .map(([file, results]) => ({ file, results, times: results.filter(({ ok }) => !ok).length }))
  .filter(({ times }) => times > 0)
  .sort((a, b) => b.times - a.times);
for (const { file, results, times } of failed) {
  console.log(`  ${times} of ${results.length}  ${file}`);
}
if (failed.length === 0) console.log("  none");

console.log("\nWhat failed:");
const failures = groupBy(
  [...byName].flatMap(([file, results]) =>
    results.flatMap((result) =>
      // One that fails several assertions of a name in one run counts once.
      [...new Set(result.failures.map(({ name }) => name))].map((name) => ({
        what: `${file} > ${name}`,
        duration: result.duration,
      })),
    ),
  ),
  ({ what }) => what,
);
const table = [...failures].sort(([, a], [, b]) => b.length - a.length);
for (const [what, all] of table) {
  console.log(`  ${all.length} of ${count}  ${what}  (the file took ${spread(all)})`);
}
if (table.length === 0) console.log("  nothing");

console.log("\nFiles whose number of assertions varied though they passed:");
let varied = 0;
for (const [file, results] of byName) {
  const numbers = new Set(results.filter(({ ok }) => ok).map(({ passed }) => passed));
  if (numbers.size < 2) continue;
  varied++;
  console.log(`  ${file}: ${[...numbers].sort((a, b) => a - b).join(", ")}`);
}
if (varied === 0) console.log("  none");

console.log("\nThe longest files, from the shortest to the longest of their runs:");
const longest = [...byName].sort(([, a], [, b]) => most(b) - most(a)).slice(0, 15);
for (const [file, results] of longest) console.log(`  ${spread(results).padStart(14)}  ${file}`);
console.log(`\nWhole runs: ${spread(runs.map(({ seconds }) => ({ duration: seconds * 1_000 })))}`);
process.exitCode = failed.length > 0 ? 1 : 0;

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

function most(results: readonly { duration: number }[]): number {
  return Math.max(...results.map(({ duration }) => duration));
}

function spread(results: readonly { duration: number }[]): string {
  const least = Math.min(...results.map(({ duration }) => duration));
  return `${(least / 1_000).toFixed(1)} - ${(most(results) / 1_000).toFixed(1)} s`;
}
