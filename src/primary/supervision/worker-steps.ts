import { describeExit, type WorkerExit } from "../../errors.js";
import { HEARTBEAT_TIMEOUT, type ResolvedManagerOptions } from "../../options.js";
import type { WorkerHandle, WorkerState } from "../workers/worker-handle.js";
import type { PoolRegistry, PoolSystem } from "./pool-system.js";

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
  leave(worker: WorkerHandle): void {
    if (worker.state === "dead") return; // its end is awaited already
    if (worker.state === "starting" || !worker.isOurs) {
      this.#stop(worker);
      return;
    }
    const { drainTimeout } = this.#options;
    this.#setState(worker, "draining", drainTimeout);
    worker.send({ type: "supervisor:drain", timeout: drainTimeout });
  }

  /** What its state allowed it has taken too long. */
  overdue(worker: WorkerHandle): void {
    if (worker.isInspected && (worker.state === "ready" || worker.state === "hung")) {
      // A breakpoint stops the event loop too. The time begins anew, for when the inspector closes.
      this.#setState(worker, "hung", this.#options.hangTimeout);
    } else if (worker.state === "ready") {
      this.#setState(worker, "hung", this.#options.hangTimeout - HEARTBEAT_TIMEOUT);
    } else if (worker.state === "draining") {
      this.#stop(worker);
    } else {
      this.#kill(worker);
    }
  }

  whyNotReady(handle: WorkerHandle, exit: WorkerExit): string {
    const { workerInitTimeout } = this.#options;
    if (this.#system.now() - handle.startedAt < workerInitTimeout) {
      return `${describeExit(exit)} before it was ready`;
    }
    const { readyBy, requiresAdoption } = this.#registry;
    const hint = readyBy ?? (requiresAdoption ? "await setupWorker(io)" : "listen()");
    return (
      `was not ready within ${workerInitTimeout} ms (workerInitTimeout) and was killed. ` +
      `A worker becomes ready with ${hint}`
    );
  }

  #stop(worker: WorkerHandle): void {
    const timeout = this.#options.stopTimeout;
    const wasStarting = worker.state === "starting";
    this.#setState(worker, "stopping", timeout);
    if (worker.isOurs && !wasStarting) worker.send({ type: "supervisor:stop", timeout });
    else worker.signal("SIGTERM");
  }

  /** The exit comes by itself. A heartbeat that is still under way must not revive it. */
  #kill(worker: WorkerHandle): void {
    this.#registry.setState(worker, "stopping");
    worker.deadline = Number.POSITIVE_INFINITY;
    worker.signal("SIGKILL");
  }

  #setState(worker: WorkerHandle, state: WorkerState, timeout: number): void {
    worker.deadline = this.#system.now() + timeout;
    this.#registry.setState(worker, state);
  }
}
