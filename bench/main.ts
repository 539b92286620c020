import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Generator } from "./load/remote.js";
import { failedSample, measure, type Sample } from "./measure.js";
import { type BenchOptions, parseOptions, USAGE } from "./options.js";
import { describeMachine } from "./report/machine.js";
import { summarize } from "./report/summary.js";
import { missingText, workloadTable } from "./report/table.js";
import { SYSTEMS } from "./systems/index.js";
import type { RunningSystem } from "./systems/system.js";
import type { WorkloadPlan } from "./workloads.js";

type Running = Map<string, RunningSystem>;

/** All runs of one workload: samples by system, the i-th of each beside each other. */
type Samples = Record<string, Sample[]>;

async function startAll({ systems, workers }: BenchOptions, running: Running): Promise<void> {
  for (const system of systems) {
    if (system.missing() !== undefined) continue;
    process.stderr.write(`starting ${system.title}\n`);
    running.set(system.name, await system.start(workers));
  }
}

function startOne(name: string, workers: number): Promise<RunningSystem> {
  const system = SYSTEMS.find((item) => item.name === name);
  if (system === undefined) throw new Error(`There is no system ${name}`);
  return system.start(workers);
}

/** Systems take turns, so that what else the machine does meets all of them. */
async function runWorkload(
  plan: WorkloadPlan,
  clients: number,
  running: Running,
  { runs, times, workers }: BenchOptions,
): Promise<Samples> {
  const samples: Samples = {};
  const warmUps = plan.kind === "deploy" ? 0 : 1; // new processes are cold each time anyway
  const warmUp = { ...times, window: times.warmUp };
  let generator = new Generator();
  try {
    for (let run = -warmUps; run < runs; run++) {
      for (const [name, system] of running) {
        process.stderr.write(`\r\x1b[K${plan.title}: run ${run + 1} of ${runs}, ${name}`);
        const sample = await measure(
          generator,
          system,
          plan,
          clients,
          run < 0 ? warmUp : times,
        ).catch(failedSample);
        if (run >= 0) samples[name] = [...(samples[name] ?? []), sample];
        if (sample.failed !== undefined) {
          process.stderr.write(`\n${name}: ${sample.failed}; it is started again\n`);
          generator.end();
          generator = new Generator();
          await system.stop();
          running.set(name, await startOne(name, workers));
        }
      }
    }
  } finally {
    generator.end();
    process.stderr.write("\r\x1b[K");
  }
  return samples;
}

async function stopAll(running: Running): Promise<void> {
  await Promise.all([...running.values()].map((system) => system.stop()));
}

async function main(options: BenchOptions): Promise<void> {
  const machine = describeMachine();
  const raw: Record<string, Samples> = {};
  const running: Running = new Map();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      stopAll(running).finally(() => process.exit(130));
    });
  }
  try {
    await startAll(options, running);
    console.log(`${machine.text}\n${missingText(options.systems)}`);
    for (const { plan, clients } of options.workloads) {
      const samples = await runWorkload(plan, clients, running, options);
      raw[plan.name] = samples;
      const summaries = options.systems.flatMap((system) => {
        const own = samples[system.name];
        return own === undefined ? [] : [{ system, summary: summarize(own, samples.plain ?? []) }];
      });
      console.log(workloadTable(plan, clients, summaries));
    }
  } finally {
    await stopAll(running);
  }
  if (options.json === undefined) return;
  const { workers, runs, times } = options;
  const command = `npm run bench -- ${process.argv.slice(2).join(" ")}`.trim();
  mkdirSync(dirname(options.json), { recursive: true });
  const result = {
    command,
    date: new Date().toISOString(),
    machine: machine.facts,
    workers,
    runs,
    times,
    raw,
  };
  writeFileSync(options.json, `${JSON.stringify(result, undefined, 1)}\n`);
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === "help") process.stdout.write(USAGE);
  else await main(options);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
