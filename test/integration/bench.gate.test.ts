import { readFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { start } from "../helpers/spawned.js";

/** Benchmarks of no meaning, as short as can be: what is tested is that they run, and count. */
async function bench(t: Test, script: string, ...args: string[]) {
  const run = start(t, process.execPath, [
    "--expose-gc",
    "--import",
    "tsx",
    `bench/${script}`,
    ...args,
  ]);
  return { ...(await run.exit()), stdout: run.stdout, stderr: run.stderr };
}

t.test("npm run bench measures systems beside each other", async (t) => {
  const json = join(t.testdir(), "raw.json");
  const { code, stdout, stderr } = await bench(
    t,
    "main.ts",
    "--systems",
    "ours",
    "--workloads",
    "polling-pool,targeted,burst",
    "--runs",
    "1",
    "--window",
    "300",
    "--json",
    json,
  );
  t.same({ code, said: code === 0 ? "" : stderr }, { code: 0, said: "" });
  t.equal(stdout.match(/^### /gm)?.length, 3, "a table for each workload");
  const { raw, machine } = JSON.parse(readFileSync(json, "utf8"));
  t.equal(machine.node, process.version);
  for (const workload of ["polling-pool", "targeted", "burst"]) {
    for (const system of ["plain", "ours"]) {
      const [sample] = raw[workload][system];
      t.ok(sample.ops > 0, `${workload}, ${system}: ${sample.ops} operations`);
      t.equal(sample.errors, 0, JSON.stringify(sample.reasons));
      t.ok(sample.cpu.worker.user > 0);
      t.equal(sample.cpu.primary !== undefined, system === "ours");
    }
  }
  t.equal(raw.burst.ours[0].ops, 400);
  t.equal(raw.targeted.ours[0].facts.reach, 1, "another process's socket is reached");
});

t.test("npm run bench says what is wrong with an option", async (t) => {
  for (const [option, value] of [
    ["--systems", "plain,apache"],
    ["--workloads", "nothing"],
    ["--runs", "0"],
    ["--window", "long"],
  ] as const) {
    const { code, stderr } = await bench(t, "main.ts", option, value);
    t.equal(code, 1);
    t.match(stderr, option);
    t.match(stderr, value.split(",").at(-1) ?? "");
  }
});
