import { decimal, type Values, whole } from "./options.js";
import type { Report } from "./report.js";
import { answersOf } from "./report-text.js";

/** What a run may have at the most; `undefined`: anything. */
export interface Thresholds {
  errors: number | undefined;
  /** Of echoes and of broadcasts (ms). */
  p99: number | undefined;
  lost: number | undefined;
}

export const THRESHOLD_FLAGS = {
  "max-errors": { type: "string" },
  "max-p99": { type: "string" },
  "max-lost": { type: "string" },
} as const;

/** @throws OptionError that names the option, its value and what would do */
export function thresholds(values: Values): Thresholds {
  const given = (name: string): boolean => values[name] !== undefined;
  const most = Number.MAX_SAFE_INTEGER;
  return {
    errors: given("max-errors") ? whole(values, "max-errors", 0, 0, most) : undefined,
    p99: given("max-p99") ? decimal(values, "max-p99", 0, 0, 86_400_000, "ms") : undefined,
    lost: given("max-lost") ? whole(values, "max-lost", 0, 0, most) : undefined,
  };
}

type Judged = Pick<Report, "question" | "errors" | "lostMessages" | "problems"> & {
  latency: Record<"echo" | "fanOut", { p99: number; count: number }>;
  clients: { connected: number };
};

/** Which of them are broken, as sentences. */
export function broken({ errors, p99, lost }: Thresholds, report: Judged): string[] {
  const found = [...report.problems];
  const { latency, lostMessages, clients } = report;
  if (clients.connected === 0) found.push("no client was ever connected");
  if (errors !== undefined && report.errors > errors) {
    found.push(`${report.errors} errors, more than --max-errors ${errors}`);
  }
  for (const [name, value] of Object.entries({
    [answersOf(report)]: latency.echo,
    broadcast: latency.fanOut,
  })) {
    if (p99 !== undefined && value.p99 > p99) {
      found.push(`${name} p99 is ${value.p99} ms, more than --max-p99 ${p99}`);
    }
  }
  if (p99 !== undefined && latency.echo.count + latency.fanOut.count === 0) {
    found.push(`--max-p99 ${p99} was given, but no latency was measured`);
  }
  if (lost !== undefined && lostMessages > lost) {
    found.push(`${lostMessages} messages lost, more than --max-lost ${lost}`);
  }
  return found;
}
