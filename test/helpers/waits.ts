import type { Test } from "tap";

/**
 * Waits that a contract bounds. A busy machine stops everybody for a while now and then, so that
 * one wait may be longer; most of them may not, and none may be as long as if nothing had been done.
 */
export class Waits {
  readonly #seen: number[] = [];
  readonly #bound: number;
  readonly #never: number;

  /**
   * @param bound of the contract (ms)
   * @param never what a wait without it would reach (ms)
   */
  constructor(bound: number, never: number) {
    this.#bound = bound;
    this.#never = never;
  }

  add(t: Test, ms: number, what = "wait"): void {
    this.#seen.push(ms);
    t.ok(ms < this.#never, `${what}: ${Math.round(ms)} ms`);
  }

  /** To be called after all of them. */
  check(t: Test): void {
    const median = this.#seen.sort((a, b) => a - b)[this.#seen.length >> 1];
    t.ok(
      median !== undefined && median < this.#bound,
      `the median of ${this.#seen.length}: ${median} ms`,
    );
  }
}
