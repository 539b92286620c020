import { setTimeout as sleep } from "node:timers/promises";
import { type CpuByRole, readCpu, usedCpu } from "./cpu.js";
import type { Generator, Mark } from "./load/remote.js";
import type { RunningSystem } from "./systems/system.js";
import type { WorkloadPlan } from "./workloads.js";

/** One run of one workload on one system. */
export interface Sample {
  ops: number;
  seconds: number;
  errors: number;
  reasons: Record<string, number>;
  /** µs for each operation. */
  cpu: CpuByRole;
  /** ms */
  latency: { p50: number; p99: number };
  facts: Record<string, number>;
  /** Why the run gave no numbers: the system died, or did not take the clients. */
  failed?: string;
}

/** What is noted of a run that could not be finished. */
export function failedSample(error: Error): Sample {
  const failed = error.message;
  return {
    ops: 0,
    seconds: Number.NaN,
    errors: 1,
    reasons: { [failed]: 1 },
    cpu: {},
    facts: {},
    latency: { p50: Number.NaN, p99: Number.NaN },
    failed,
  };
}

export interface Times {
  /** ms before the window, with the load on. */
  lead: number;
  /** ms */
  window: number;
  /** ms of the window of the run that does not count: code is faster when it has run for a while. */
  warmUp: number;
}

/** @throws Error when the load cannot be put on the system at all */
export function measure(
  generator: Generator,
  system: RunningSystem,
  plan: WorkloadPlan,
  clients: number,
  times: Times,
): Promise<Sample> {
  return plan.kind === "act"
    ? measureAct(generator, system, plan, clients)
    : measureWindow(generator, system, plan, clients, times);
}

async function measureWindow(
  generator: Generator,
  system: RunningSystem,
  plan: WorkloadPlan,
  clients: number,
  times: Times,
): Promise<Sample> {
  await generator.start(plan.name, { ports: system.ports ?? [system.port], clients });
  await sleep(times.lead);
  const processes = await system.processes();
  const before = await generator.mark();
  const cpu = readCpu(processes);
  const start = performance.now();
  let used: CpuByRole = {};
  if (plan.kind === "deploy") {
    await system.deploy();
    await sleep(1_000); // those who were cut last are back
  } else {
    await sleep(times.window);
    used = usedCpu(processes, cpu, readCpu(processes));
  }
  const seconds = (performance.now() - start) / 1_000;
  const after = await generator.mark();
  const facts = await generator.stop();
  if (plan.kind === "deploy") facts.seconds = seconds;
  return sampleOf(before, after, seconds, used, facts);
}

/** The whole of it counts, from the first connection to the last answer. */
async function measureAct(
  generator: Generator,
  system: RunningSystem,
  plan: WorkloadPlan,
  clients: number,
): Promise<Sample> {
  const processes = await system.processes();
  const before: Mark = { ops: 0, errors: 0, reasons: {}, latencies: [] };
  const cpu = readCpu(processes);
  const start = performance.now();
  await generator.start(plan.name, { ports: system.ports ?? [system.port], clients });
  const used = usedCpu(processes, cpu, readCpu(processes));
  const seconds = (performance.now() - start) / 1_000;
  const after = await generator.mark();
  return sampleOf(before, after, seconds, used, await generator.stop());
}

function sampleOf(
  before: Mark,
  after: Mark,
  seconds: number,
  used: CpuByRole,
  facts: Record<string, number>,
): Sample {
  const ops = after.ops - before.ops;
  const cpu: CpuByRole = {};
  for (const [role, { user, system }] of Object.entries(used)) {
    cpu[role as keyof CpuByRole] = { user: user / ops, system: system / ops };
  }
  const sorted = after.latencies.sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
  return {
    ops,
    seconds,
    // Also those before the window: an error is never warm-up.
    errors: after.errors,
    reasons: after.reasons,
    cpu: ops > 0 ? cpu : {},
    latency: { p50: at(0.5), p99: at(0.99) },
    facts,
  };
}
