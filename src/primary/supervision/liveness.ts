import { HEARTBEAT_TIMEOUT, type ResolvedManagerOptions } from "../../options/options.js";
import type { PoolRegistry } from "./pool-system.js";
import type { PoolWorker } from "./pool-worker.js";

/** How long a process may go on without its IPC channel (ms). */
const GONE_GRACE = 1_000;

/** What is to be expected of workers, by what was heard of them. All times: ms, monotonic. */
export class Liveness {
  readonly #registry: Pick<PoolRegistry, "setState">;
  readonly #maxMemory: number;

  constructor(registry: Pick<PoolRegistry, "setState">, options: ResolvedManagerOptions) {
    this.#registry = registry;
    this.#maxMemory = options.maxMemory ?? Number.POSITIVE_INFINITY;
  }

  /** Heartbeats are expected of workers that have sent one. */
  ready(worker: PoolWorker): void {
    worker.deadline = (worker.lastHeartbeat ?? Number.POSITIVE_INFINITY) + HEARTBEAT_TIMEOUT;
  }

  /**
   * A heartbeat has come.
   *
   * @param rss bytes
   * @returns whether there is something to do
   */
  heard(worker: PoolWorker, rss: number, now: number): boolean {
    worker.lastHeartbeat = now;
    const wasHung = worker.state === "hung";
    if (wasHung) this.#registry.setState(worker.handle, "ready");
    if (worker.state !== "ready") return false;
    worker.deadline = now + HEARTBEAT_TIMEOUT;
    if (rss > this.#maxMemory) worker.recycle = now >= worker.recycleNotBefore;
    return wasHung || worker.recycle;
  }

  /** For how long nothing was heard of it (ms). */
  silence(worker: PoolWorker, now: number): number {
    return now - (worker.lastHeartbeat ?? worker.startedAt);
  }

  /** It closed its channel, so it has to end: nobody can tell it anything any more. */
  gone(worker: PoolWorker, now: number): void {
    if (!worker.isKilled) worker.deadline = Math.min(worker.deadline, now + GONE_GRACE);
  }

  /** A debugger that may have stopped it is gone: it gets the time for a heartbeat. */
  released(worker: PoolWorker, now: number): void {
    if (worker.state !== "hung") return;
    worker.deadline = Math.max(worker.deadline, now + HEARTBEAT_TIMEOUT);
  }

  /** This process could not run for a while, so silence says nothing about the workers. */
  wasAway(workers: readonly PoolWorker[], ms: number): void {
    if (ms <= HEARTBEAT_TIMEOUT / 2) return;
    for (const worker of workers) {
      if (worker.state === "ready" || worker.state === "hung") worker.deadline += ms;
    }
  }
}
