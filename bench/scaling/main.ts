import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import type { CpuTime } from "../cpu.js";
import { Generator } from "../load/remote.js";
import { measure, type Sample } from "../measure.js";
import { describeMachine } from "../report/machine.js";
import { spreadOf } from "../report/summary.js";
import { NodeProgram } from "../systems/node-system.js";
import { WORKLOADS } from "../workloads.js";
import { at, fitCost, type Line, saturation } from "./model.js";
import { measureTable, type TableCost } from "./table.js";

const WORKERS = [1, 2, 4, 8];
/** Cores of the machine that is looked at on paper: one for the primary, the others for workers. */
const LARGE = 64;
/** With the number of clients that each is measured with. */
const MEASURED = {
  "websocket-connect": 20,
  "polling-own": 30,
  "polling-closing": 20,
  broadcast: 100,
};
const TIMES = { lead: 700, window: 2_000, warmUp: 4_000 };

type Name = keyof typeof MEASURED;
type Role = "primary" | "worker";
/** µs for each operation, by workload, number of workers and role. */
type Costs = Record<Name, { workers: number; primary: number; worker: number }[]>;

/** All clusters at once, taking turns; those that have no load cost next to nothing. */
async function measureCosts(runs: number): Promise<{ costs: Costs; raw: unknown }> {
  const clusters = new Map<number, NodeProgram>();
  const costs = {} as Costs;
  const raw: Record<string, Record<number, Sample[]>> = {};
  try {
    for (const workers of WORKERS) {
      clusters.set(workers, await NodeProgram.start("ours.js", { WORKERS: String(workers) }));
    }
    for (const name of Object.keys(MEASURED) as Name[]) {
      const samples = await takeTurns(name, clusters, runs);
      raw[name] = samples;
      costs[name] = WORKERS.map((workers) => ({
        workers,
        primary: medianOf(samples[workers] ?? [], "primary"),
        worker: medianOf(samples[workers] ?? [], "worker"),
      }));
    }
  } finally {
    for (const cluster of clusters.values()) await cluster.stop();
  }
  return { costs, raw };
}

async function takeTurns(name: Name, clusters: ReadonlyMap<number, NodeProgram>, runs: number) {
  const plan = WORKLOADS.find((workload) => workload.name === name);
  if (plan === undefined) throw new Error(`There is no workload ${name}`);
  const samples: Record<number, Sample[]> = {};
  const generator = new Generator();
  for (let run = -1; run < runs; run++) {
    for (const [workers, cluster] of clusters) {
      process.stderr.write(`\r\x1b[K${name}: run ${run + 1} of ${runs}, ${workers} workers`);
      const times = run < 0 ? { ...TIMES, window: TIMES.warmUp } : TIMES;
      const sample = await measure(generator, cluster, plan, MEASURED[name], times);
      if (run >= 0) samples[workers] = [...(samples[workers] ?? []), sample];
    }
  }
  generator.end();
  process.stderr.write("\r\x1b[K");
  return samples;
}

function medianOf(samples: readonly Sample[], role: Role): number {
  const total = (time: CpuTime | undefined): number => (time ? time.user + time.system : 0);
  return spreadOf(samples.map(({ cpu }) => total(cpu[role]))).median;
}

function costTable(costs: Costs): string {
  const rows = (Object.keys(MEASURED) as Name[]).flatMap((name) =>
    costs[name].map(
      ({ workers, primary, worker }) =>
        `| ${name} | ${workers} | ${primary.toFixed(1)} | ${worker.toFixed(0)} |`,
    ),
  );
  const head = "| workload | workers | primary µs per op | workers µs per op |\n|---|---|---|---|";
  return [head, ...rows].join("\n");
}

/** What the primary costs by the number of workers, and from it where one core of it is full. */
function paper(costs: Costs) {
  const workers = LARGE - 1;
  const lines = (Object.keys(MEASURED) as Name[]).map((name) => {
    const line: Line = fitCost(
      costs[name].map(({ workers, primary }) => ({ x: workers, y: primary })),
    );
    const microseconds = at(line, workers);
    return { name, line, microseconds, perSecond: saturation(Math.max(microseconds, 0)) };
  });
  const text = lines
    .map(({ name, line, microseconds, perSecond }) => {
      const formula = `${line.base.toFixed(1)} + ${line.slope.toFixed(2)} · workers (R² ${line.r2.toFixed(2)})`;
      const limit =
        microseconds < 1 ? "not by this" : `${Math.round(perSecond).toLocaleString("en-US")} / s`;
      return `| ${name} | ${formula} | ${microseconds.toFixed(1)} | ${limit} |`;
    })
    .join("\n");
  const head = `| workload | primary µs per op | with ${workers} workers | one core is full at |\n|---|---|---|---|`;
  return { lines, text: `${head}\n${text}` };
}

function tableText(cost: TableCost): string {
  const { sessions, workers, bytes, open, lookup, lookupUnknown, close, removeOwner } = cost;
  return (
    `| ${sessions.toLocaleString("en-US")} | ${workers} | ${bytes.toFixed(0)} | ${open.toFixed(0)} | ` +
    `${lookup.toFixed(0)} / ${lookupUnknown.toFixed(0)} | ${close.toFixed(0)} | ${removeOwner.toFixed(1)} |`
  );
}

const { values } = parseArgs({
  options: { runs: { type: "string", default: "5" }, json: { type: "string" } },
});
const runs = Number(values.runs);
if (!Number.isSafeInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}: from 1 up`);
if (globalThis.gc === undefined) throw new Error("start it by npm run bench:scaling (--expose-gc)");
const machine = describeMachine();
console.log(`${machine.text}\n`);
const tables = [10_000, 100_000, 1_000_000].map((sessions) =>
  measureTable(sessions, LARGE - 1, globalThis.gc as () => void),
);
console.log(
  "| sessions | workers | bytes each | open ns | lookup known / unknown ns | close ns | a worker's death ms |\n" +
    `|---|---|---|---|---|---|---|\n${tables.map(tableText).join("\n")}\n`,
);
const { costs, raw } = await measureCosts(runs);
const { lines, text } = paper(costs);
console.log(`${costTable(costs)}\n\n${text}`);
if (values.json !== undefined) {
  mkdirSync(dirname(values.json), { recursive: true });
  const command = `npm run bench:scaling -- ${process.argv.slice(2).join(" ")}`.trim();
  const date = new Date().toISOString();
  const result = {
    command,
    date,
    machine: machine.facts,
    runs,
    times: TIMES,
    tables,
    costs,
    lines,
    raw,
  };
  writeFileSync(values.json, `${JSON.stringify(result, undefined, 1)}\n`);
}
