import { parseArgs } from "node:util";
import type { Times } from "./measure.js";
import { SYSTEMS } from "./systems/index.js";
import type { System } from "./systems/system.js";
import { WORKLOADS, type WorkloadPlan } from "./workloads.js";

export interface BenchOptions {
  systems: System[];
  workloads: { plan: WorkloadPlan; clients: number }[];
  workers: number;
  runs: number;
  times: Times;
  /** File for the raw results. */
  json: string | undefined;
}

export const USAGE = `npm run bench -- [options]

  --quick                under two minutes: fewer systems, workloads and runs
  --systems a,b          of: ${SYSTEMS.map(({ name }) => name).join(", ")}
  --workloads a,b        of: ${WORKLOADS.map(({ name }) => name).join(", ")}
  --workers N            worker processes of each system (2)
  --runs N               that count; one more before them warms up (5)
  --window MS            time that is measured in each run (2000)
  --json FILE            raw results
`;

const QUICK_SYSTEMS = ["plain", "ours", "sticky"];

/** @throws Error that names the option, the value and what would be right */
export function parseOptions(args: string[]): BenchOptions | "help" {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: "boolean", default: false },
      systems: { type: "string" },
      workloads: { type: "string" },
      workers: { type: "string", default: "2" },
      runs: { type: "string" },
      window: { type: "string" },
      json: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  const { quick } = values;
  const systems = pick(
    SYSTEMS,
    "systems",
    values.systems ?? (quick ? QUICK_SYSTEMS.join() : undefined),
  );
  const workloads = pick(WORKLOADS, "workloads", values.workloads)
    .map((plan) => ({ plan, clients: (quick ? plan.quick : plan)?.clients ?? 0 }))
    .filter(({ clients }) => clients > 0);
  return {
    // Ratios are to one plain process beside it, whatever else is asked for.
    systems: [...new Set([SYSTEMS[0] as System, ...systems])],
    workloads,
    workers: positive("workers", values.workers),
    runs: positive("runs", values.runs ?? (quick ? "3" : "5")),
    times: {
      lead: quick ? 300 : 700,
      window: positive("window", values.window ?? (quick ? "600" : "2000")),
      warmUp: quick ? 2_000 : 4_000,
    },
    json: values.json,
  };
}

function pick<T extends { name: string }>(all: readonly T[], option: string, list?: string): T[] {
  if (list === undefined) return [...all];
  return list.split(",").map((name) => {
    const found = all.find((item) => item.name === name);
    const names = all.map((item) => item.name).join(", ");
    if (found === undefined) throw new Error(`--${option} ${name}: there is no such; use ${names}`);
    return found;
  });
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`--${option} ${text}: give a whole number from 1 up`);
}
