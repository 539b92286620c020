import { performance } from "node:perf_hooks";
import type { WorkerVitals } from "../../protocol/messages.js";

/** ms between two looks at the event loop. */
const INTERVAL = 20;

/**
 * How this process is: what a heartbeat tells.
 *
 * The delay is measured by a timer of its own. Node's `monitorEventLoopDelay()` forgets the first
 * interval after each reset, and with it a loop that stands still right after a heartbeat.
 */
export class VitalsMeter {
  /** When the next look is due, and how late the latest was (ms). */
  #due = performance.now() + INTERVAL;
  #longest = 0;
  readonly #readRss: () => number;
  #before = performance.eventLoopUtilization();
  #rss: number;

  /** @param readRss throws when there is no file descriptor left: Node reads /proc */
  constructor(readRss = process.memoryUsage.rss) {
    this.#readRss = readRss;
    this.#rss = process.resourceUsage().maxRSS * 1024;
    setInterval(() => {
      this.#look();
      this.#due = performance.now() + INTERVAL;
    }, INTERVAL).unref();
  }

  /** Since the last call. */
  read(): WorkerVitals {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#before);
    this.#before = now;
    this.#look(); // it may be late now
    const eventLoopDelay = this.#longest;
    this.#longest = 0;
    const { user, system } = process.cpuUsage();
    return {
      eventLoopUtilization: utilization,
      eventLoopDelay,
      rss: this.#resident(),
      cpuTime: (user + system) / 1e6,
    };
  }

  #look(): void {
    this.#longest = Math.max(this.#longest, performance.now() - this.#due);
  }

  /** The last figure that there was, while there is none. */
  #resident(): number {
    try {
      this.#rss = this.#readRss();
    } catch {
      // A worker that cannot read its own memory works on; DescriptorWatch tells of the cause.
    }
    return this.#rss;
  }
}
