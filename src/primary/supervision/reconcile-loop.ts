import type { PoolSystem } from "./pool-system.js";

/** The loop around the pool's steps: one at a time, at every news, and when it is time for one. */
export class ReconcileLoop {
  readonly #clock: Pick<PoolSystem, "now" | "after">;
  readonly #step: () => number;
  readonly #onLate: (ms: number) => void;
  #cancelTimer: () => void = () => {};
  #isRunning = false;
  #hasNews = false;

  /**
   * @param step @returns when the next one is due though there are no news (ms, monotonic); `Infinity`
   * @param onLate is told before a step how late that is: a process that could not run is late
   */
  constructor(
    clock: Pick<PoolSystem, "now" | "after">,
    step: () => number,
    onLate: (ms: number) => void,
  ) {
    this.#clock = clock;
    this.#step = step;
    this.#onLate = onLate;
  }

  /** There are news. Events come from a step, and whoever hears them may make the next ones. */
  run(): void {
    this.#hasNews = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#hasNews) {
        this.#hasNews = false;
        this.#wakeAt(this.#step());
      }
    } finally {
      this.#isRunning = false;
    }
  }

  #wakeAt(time: number): void {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    if (time === Number.POSITIVE_INFINITY) return;
    const delay = Math.max(1, time - this.#clock.now());
    this.#cancelTimer = this.#clock.after(delay, () => {
      this.#onLate(this.#clock.now() - time);
      this.run();
    });
  }
}
