import { mergedLatency } from "./latency.js";
import type { Progress } from "./result.js";

/** One second of a test. */
export interface Moment {
  /** s after the start. */
  at: number;
  /** Clients with a connection. */
  connected: number;
  /** In this second. */
  sent: number;
  answered: number;
  errors: number;
  /** Of the answers in this second (ms); `null`: there were none. */
  p50: number | null;
  p99: number | null;
}

/** Seconds that are kept; of a longer test, the first ones. */
const MAX_MOMENTS = 24 * 3_600;

/** How a test went, second by second. */
export class Timeline {
  readonly moments: Moment[] = [];
  readonly #latest = new Map<number, Progress>();
  #before = { sent: 0, answered: 0, errors: 0 };

  /** @param elapsed ms after the start */
  add(progress: readonly Progress[], elapsed: number): void {
    // A generator that is late has the numbers that it had.
    for (const one of progress) this.#latest.set(one.pid, one);
    const sum = (of: (it: Progress) => number): number =>
      [...this.#latest.values()].reduce((total, it) => total + of(it), 0);
    const now = {
      sent: sum((it) => it.sent),
      answered: sum((it) => it.answered),
      errors: sum((it) => it.errors),
    };
    const { count, p50, p99 } = mergedLatency(progress.map(({ recent }) => recent));
    if (this.moments.length >= MAX_MOMENTS) return;
    this.moments.push({
      at: Math.round(elapsed / 100) / 10,
      connected: sum((it) => it.connected),
      sent: now.sent - this.#before.sent,
      answered: now.answered - this.#before.answered,
      errors: now.errors - this.#before.errors,
      p50: count === 0 ? null : p50,
      p99: count === 0 ? null : p99,
    });
    this.#before = now;
  }
}

const COLUMNS = ["at", "connected", "sent", "answered", "errors", "p50", "p99"] as const;

/** A line for each second, below the names. */
export function timelineCsv(moments: readonly Moment[]): string {
  const lines = moments.map((moment) => COLUMNS.map((name) => moment[name] ?? "").join(","));
  return `${[COLUMNS.join(","), ...lines].join("\n")}\n`;
}
