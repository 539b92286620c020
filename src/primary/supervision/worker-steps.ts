import { describeExit, type WorkerExit } from "../../errors.js";
import { HEARTBEAT_TIMEOUT, type ResolvedManagerOptions } from "../../options/options.js";
import type { WorkerState } from "../workers/worker-handle.js";
import type { PoolRegistry, PoolSystem } from "./pool-system.js";
import type { PoolWorker } from "./pool-worker.js";
import { listensItself } from "./self-listening.js";

/** How long a killed process may take to end before nobody waits for it any more (ms). */
export const KILL_GRACE = 10_000;

/** How long a pool may take from one step to the next, if its workers do not die meanwhile (ms). */
export function stallTimeout(options: ResolvedManagerOptions): number {
  const { workerInitTimeout, hangTimeout, drainTimeout, stopTimeout, backoffMax } = options;
  // Another worker's replacement, and then the successor's own start.
  const starts = hangTimeout + backoffMax + 2 * workerInitTimeout;
  return starts + drainTimeout + stopTimeout + KILL_GRACE;
}

/**
 * The steps by which one worker is brought to its end, each with the time that it may take:
 * draining, stopping, killed; or hung, killed.
 */
export class WorkerSteps {
  readonly #registry: PoolRegistry;
  readonly #options: ResolvedManagerOptions;
  readonly #system: PoolSystem;

  constructor(registry: PoolRegistry, options: ResolvedManagerOptions, system: PoolSystem) {
    this.#registry = registry;
    this.#options = options;
    this.#system = system;
  }

  /** The worker has lost its slot. */
  leave(worker: PoolWorker): void {
    const { handle, state } = worker;
    if (state === "dead" || state === "stopping") return; // its end is awaited already
    if (state === "starting" || !handle.isOurs) {
      this.#stop(worker);
      return;
    }
    const { drainTimeout } = this.#options;
    this.#setState(worker, "draining", this.#system.now() + drainTimeout);
    handle.send({ type: "supervisor:drain", timeout: drainTimeout });
  }

  /** It gets nothing new from here on, and is killed when it has not ended by `until`. */
  retire(worker: PoolWorker, until: number): void {
    const isEnding = worker.state === "stopping" || worker.state === "dead";
    const own = isEnding ? worker.deadline : Number.POSITIVE_INFINITY;
    const limit = worker.isKilled ? until + KILL_GRACE : until;
    this.#setState(worker, "stopping", Math.min(own, limit));
  }

  /** Asks it to end, once. */
  tell(worker: PoolWorker): void {
    if (worker.isTold) return;
    worker.isTold = true;
    const { handle } = worker;
    const timeout = Math.max(1, worker.deadline - this.#system.now());
    if (handle.isOurs) handle.send({ type: "supervisor:stop", timeout });
    // Until it is ready it leaves the signals to Node, and may not read messages.
    if (!handle.isOurs || !handle.wasReady) handle.signal("SIGTERM");
  }

  /**
   * What its state allowed it has taken too long.
   *
   * @returns whether it was killed before, and does not end
   */
  overdue(worker: PoolWorker): boolean {
    const { state, isInspected } = worker;
    const { hangTimeout } = this.#options;
    const now = this.#system.now();
    if (worker.isKilled) {
      worker.deadline = Number.POSITIVE_INFINITY;
      return true;
    }
    if (isInspected && (state === "ready" || state === "hung")) {
      // A breakpoint stops the event loop too. The time begins anew, for when the inspector closes.
      this.#setState(worker, "hung", now + hangTimeout);
    } else if (state === "ready") {
      this.#setState(worker, "hung", now + hangTimeout - HEARTBEAT_TIMEOUT);
    } else if (state === "draining") {
      this.#stop(worker);
    } else {
      this.kill(worker);
    }
    return false;
  }

  whyNotReady({ handle, startedAt }: PoolWorker, exit: WorkerExit): string {
    const { workerInitTimeout } = this.#options;
    if (handle.refusedPort !== undefined) return listensItself(handle.refusedPort);
    if (this.#system.now() - startedAt < workerInitTimeout) {
      return `${describeExit(exit)} before it was ready`;
    }
    const { readyBy } = this.#registry;
    const hint = readyBy ?? (handle.terms.requiresAdoption ? "await setupWorker(io)" : "listen()");
    return (
      `was not ready within ${workerInitTimeout} ms (workerInitTimeout) and was killed. ` +
      `A worker becomes ready with ${hint}`
    );
  }

  #stop(worker: PoolWorker): void {
    this.#setState(worker, "stopping", this.#system.now() + this.#options.stopTimeout);
    this.tell(worker);
  }

  /** The exit comes by itself. A heartbeat that is still under way must not revive it. */
  kill(worker: PoolWorker): void {
    worker.isKilled = true;
    this.#setState(worker, "stopping", this.#system.now() + KILL_GRACE);
    worker.handle.signal("SIGKILL");
  }

  #setState(worker: PoolWorker, state: WorkerState, deadline: number): void {
    worker.deadline = deadline;
    this.#registry.setState(worker.handle, state);
  }
}
