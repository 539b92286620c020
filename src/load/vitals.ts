import { monitorEventLoopDelay } from "node:perf_hooks";
import type { GeneratorVitals } from "./result.js";

/** ms between two looks; what the delay is more than that is delay. */
const RESOLUTION = 10;

/** How busy this process is. */
export class VitalsMeter {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  #since = performance.now();
  #cpu = process.cpuUsage();

  constructor() {
    this.#delay.enable();
  }

  reset(): void {
    this.#since = performance.now();
    this.#cpu = process.cpuUsage();
    this.#delay.reset();
  }

  read(): GeneratorVitals {
    const { user, system } = process.cpuUsage(this.#cpu);
    const p99 = this.#delay.percentile(99) / 1e6;
    return {
      pid: process.pid,
      cpu: (user + system) / 1_000 / Math.max(1, performance.now() - this.#since),
      delay: Math.max(0, (Number.isFinite(p99) ? p99 : 0) - RESOLUTION),
      rss: process.memoryUsage.rss(),
    };
  }
}
