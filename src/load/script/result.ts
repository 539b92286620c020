import { type Latency, mergedLatency } from "../latency.js";
import { addTrees, type Tally, total } from "../tally.js";
import type { Limits, LoadScript } from "./types.js";

/** What became of a script's users. */
export interface UserCounts {
  arrived: number;
  /** To the end of their flow. */
  done: number;
  /** By reason. */
  failed: Tally;
  /** There were as many as `maxUsers` already. */
  skipped: number;
  /** Still under way when the test ended. */
  unfinished: number;
}

/** Of one generator. */
export interface ScriptResult {
  users: UserCounts;
  /** Encoded histograms, by what was awaited. */
  measures: Record<string, string>;
}

/** Of all generators. */
export interface ScriptReport {
  users: UserCounts;
  measures: Record<string, Latency>;
}

export function scriptReport(results: readonly ScriptResult[]): ScriptReport | undefined {
  if (results.length === 0) return undefined;
  const none: UserCounts = { arrived: 0, done: 0, failed: {}, skipped: 0, unfinished: 0 };
  const names = [...new Set(results.flatMap(({ measures }) => Object.keys(measures)))].sort();
  const of = (name: string): string[] => results.flatMap(({ measures }) => measures[name] ?? []);
  return {
    users: results.reduce((sum, { users }) => addTrees(sum, users), none),
    measures: Object.fromEntries(names.map((name) => [name, mergedLatency(of(name))])),
  };
}

/** Which of a script's thresholds are broken, as sentences. */
export function brokenThresholds(
  thresholds: NonNullable<LoadScript["thresholds"]>,
  { measures }: ScriptReport,
  sums: { errors: number; lost: number; connect: Latency },
): string[] {
  const found: string[] = [];
  const all: Record<string, Latency> = { connect: sums.connect, ...measures };
  for (const [name, limit] of Object.entries(thresholds)) {
    if (name === "errors" || name === "lost") {
      if (sums[name] > Number(limit)) {
        found.push(`${sums[name]} ${name}, more than the script's threshold ${limit}`);
      }
      continue;
    }
    const measured = Object.hasOwn(all, name) ? all[name] : undefined;
    if (measured === undefined || measured.count === 0) {
      const known = Object.keys(all).join(", ");
      found.push(`the script has a threshold for "${name}", which was not measured (but ${known})`);
      continue;
    }
    for (const key of ["p50", "p90", "p99", "max"] as const) {
      const most = (limit as Limits)[key];
      if (most !== undefined && measured[key] > most) {
        found.push(`${name}: ${key} is ${measured[key]} ms, more than the threshold ${most}`);
      }
    }
  }
  return found;
}

/** Users that did not do all that their script says. */
export function failedUsers({ users }: ScriptReport): number {
  return total(users.failed);
}
