import { type IntervalHistogram, monitorEventLoopDelay, performance } from "node:perf_hooks";
import { primaryStatus } from "../primary-status.js";

/** How the primary is. */
export interface PrimaryVitals {
  /** Share of the last second that its event loop was busy, 0 to 1. */
  eventLoopUtilization: number;
  /** The longest that its event loop was late in the last second (ms). */
  eventLoopDelay: number;
  /** Resident memory (bytes). */
  rss: number;
  /** CPU time since its start, user and system (seconds). */
  cpuTime: number;
}

/** Watches this process's event loop; `sample()` begins a new interval. */
export class OwnVitals {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 20 });
  #before = performance.eventLoopUtilization();
  #loop = { eventLoopUtilization: 0, eventLoopDelay: 0 };

  constructor() {
    this.#delay.enable();
  }

  sample(): void {
    const now = performance.eventLoopUtilization();
    this.#loop = {
      eventLoopUtilization: performance.eventLoopUtilization(now, this.#before).utilization,
      eventLoopDelay: this.#delay.max / 1e6,
    };
    this.#before = now;
    this.#delay.reset();
  }

  get(): PrimaryVitals {
    return { ...this.#loop, ...primaryStatus() };
  }

  stop(): void {
    this.#delay.disable();
  }
}
