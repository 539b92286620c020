import type { Test } from "tap";

interface CapturedTimer {
  delay: number;
  active: boolean;
  run(): void;
  unref(): CapturedTimer;
}

/**
 * Until the test ends, `setTimeout` only takes down what was asked for, and the test decides what
 * fires. For synchronous tests only: nothing else gets a timer meanwhile either.
 */
export class CapturedTimers {
  readonly #timers: CapturedTimer[] = [];

  constructor(t: Test) {
    const set = (callback: () => void, delay: number): CapturedTimer => {
      const timer: CapturedTimer = {
        delay,
        active: true,
        run: callback,
        unref: () => timer,
      };
      this.#timers.push(timer);
      return timer;
    };
    const clear = (timer: CapturedTimer | undefined): void => {
      if (timer) timer.active = false;
    };
    // Not by tap's intercept(), which takes down where each of thousands of calls comes from.
    for (const [name, value] of Object.entries({ setTimeout: set, clearTimeout: clear })) {
      const own = Object.getOwnPropertyDescriptor(globalThis, name);
      if (own === undefined) throw new Error(`There is no ${name}`);
      Object.defineProperty(globalThis, name, { ...own, value });
      t.teardown(() => Object.defineProperty(globalThis, name, own));
    }
  }

  /** Delays of those that neither fired nor were cleared (ms). */
  get delays(): number[] {
    return this.#active().map(({ delay }) => delay);
  }

  /** Fires all that are due after `delay` ms. */
  fire(delay: number): void {
    for (const timer of this.#active()) {
      if (timer.delay > delay || !timer.active) continue;
      timer.active = false;
      timer.run();
    }
  }

  #active(): CapturedTimer[] {
    return this.#timers.filter(({ active }) => active);
  }
}
