import type { CpuByRole } from "../cpu.js";
import type { Sample } from "../measure.js";

/** A number over all runs. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** What all runs of one workload on one system come to. */
export interface Summary {
  runs: number;
  /** µs of server CPU for each operation. */
  cpu: Spread;
  byRole: CpuByRole;
  /** CPU as a multiple of one plain process's in the run beside it. */
  ratio: Spread;
  opsPerSecond: Spread;
  /** ms */
  p50: Spread;
  p99: Spread;
  /** Of all runs. */
  errors: number;
  ops: number;
  reasons: Record<string, number>;
  facts: Record<string, Spread>;
  /** Runs that gave no numbers. */
  failed: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

export function totalCpu(cpu: CpuByRole): number {
  const times = Object.values(cpu);
  if (times.length === 0) return Number.NaN;
  return times.reduce((sum, { user, system }) => sum + user + system, 0);
}

/** @param plain the runs of one plain process; run i stood beside run i of `samples` */
export function summarize(samples: readonly Sample[], plain: readonly Sample[]): Summary {
  const over = (read: (sample: Sample) => number): Spread => spreadOf(samples.map(read));
  const byRole: CpuByRole = {};
  for (const role of ["primary", "worker", "proxy"] as const) {
    const times = samples.flatMap(({ cpu }) => cpu[role] ?? []);
    if (times.length === 0) continue;
    byRole[role] = {
      user: spreadOf(times.map(({ user }) => user)).median,
      system: spreadOf(times.map(({ system }) => system)).median,
    };
  }
  const reasons: Record<string, number> = {};
  for (const sample of samples) {
    for (const [reason, n] of Object.entries(sample.reasons)) {
      reasons[reason] = (reasons[reason] ?? 0) + n;
    }
  }
  const names = new Set(samples.flatMap(({ facts }) => Object.keys(facts)));
  return {
    runs: samples.length,
    cpu: over(({ cpu }) => totalCpu(cpu)),
    byRole,
    ratio: spreadOf(samples.map(({ cpu }, i) => totalCpu(cpu) / totalCpu(plain[i]?.cpu ?? {}))),
    opsPerSecond: over(({ ops, seconds }) => ops / seconds),
    p50: over(({ latency }) => latency.p50),
    p99: over(({ latency }) => latency.p99),
    errors: samples.reduce((sum, { errors }) => sum + errors, 0),
    ops: samples.reduce((sum, { ops }) => sum + ops, 0),
    reasons,
    failed: samples.filter(({ failed }) => failed !== undefined).length,
    facts: Object.fromEntries(
      [...names].map((name) => [name, over(({ facts }) => facts[name] ?? Number.NaN)]),
    ),
  };
}
