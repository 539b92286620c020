import cluster, { type Worker } from "node:cluster";
import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Server } from "node:net";
import {
  type RestartLimitError,
  SupervisorError,
  type WorkerBootError,
  type WorkerExit,
} from "../errors.js";
import { milliseconds } from "../option-checks.js";
import {
  type ClusterManagerOptions,
  type ResolvedManagerOptions,
  resolveManagerOptions,
  workerCount,
} from "../options.js";
import { joinPm2, refusePm2Cluster } from "../pm2.js";
import { Operations } from "./control/operations.js";
import {
  type ClusterStatus,
  type HangReport,
  hangReport,
  idOf,
  type ManagerPhase,
  workerStatus,
} from "./control/status.js";
import { type Coordinator, primaryCoordinator } from "./coordinator.js";
import { listen } from "./listen.js";
import { setupStickyMaster } from "./routing/sticky-balancer.js";
import { type ReloadEvents, type ReloadReport, Reloads, stopped } from "./supervision/reloads.js";
import { endWorkers, withDeadline } from "./supervision/shutdown.js";
import { WorkerPool } from "./supervision/worker-pool.js";
import type { WorkerHandle } from "./workers/worker-handle.js";

/** Events of {@link ClusterManager}. */
export interface ClusterManagerEvents extends ReloadEvents {
  /** A worker became ready. */
  "worker:ready": [Worker];
  /** A worker's process ended. */
  "worker:exit": [Worker, WorkerExit];
  /** A worker's event loop has not turned for `hangTimeout`; it is killed. */
  "worker:hang": [Worker, HangReport];
  /** Workers die too fast; the primary stops and exits with 1. */
  "cluster:give-up": [RestartLimitError];
}

/**
 * Forks, watches and stops the worker processes.
 *
 * Made in both primary and workers (as in a single bootstrap file), it does nothing before
 * `start()`, and `isPrimary()` tells which one this is.
 *
 * @throws OptionError (from the constructor) for an option that cannot work; SupervisorError
 *   `ERR_SUPERVISOR_PM2_CLUSTER` in pm2's cluster mode
 */
export class ClusterManager extends EventEmitter<ClusterManagerEvents> {
  readonly options: ResolvedManagerOptions;
  #phase: ManagerPhase = "idle";
  #coordinator: Coordinator | undefined;
  #pool: WorkerPool | undefined;
  #reloads: Reloads | undefined;
  #server: Server | undefined;
  #stopListeners: (() => unknown)[] = [];
  #stopping: Promise<void> | undefined;
  #operations: Operations | undefined;
  #leavePm2: (() => void) | undefined;

  constructor(options: ClusterManagerOptions = {}) {
    super();
    refusePm2Cluster();
    this.options = resolveManagerOptions(options);
  }

  /** Whether this process is the primary. */
  isPrimary(): boolean {
    return !cluster.isWorker;
  }

  /**
   * Forks the workers; with `port`, listens when they are ready.
   *
   * @returns when every worker is ready (and the port is open)
   * @throws WorkerBootError when a worker ends, or takes longer than `workerInitTimeout`, before
   *   it is ready; the others are stopped first
   * @throws SupervisorError `ERR_SUPERVISOR_LISTEN` when the port cannot be opened, likewise;
   *   `ERR_SUPERVISOR_NOT_PRIMARY`, `ERR_SUPERVISOR_STATE`
   */
  async start(): Promise<void> {
    if (this.#phase !== "idle") {
      throw new SupervisorError(
        "ERR_SUPERVISOR_STATE",
        `start() was called, but the manager is ${this.#phase}. It starts once; make a new one.`,
      );
    }
    this.#coordinator = primaryCoordinator();
    if (this.options.sticky) this.#coordinator.registry.requiresAdoption = true;
    if (this.options.port !== undefined) this.#server = this.#createServer();
    this.#phase = "starting";
    this.#operations = new Operations(this, this.options, () => this.#handles());
    this.#leavePm2 = joinPm2(this);
    try {
      await this.#startWorkers(this.#coordinator);
      if (this.#server !== undefined && this.#phase === "starting") {
        await listen(this.#server, this.options, this.#handles());
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (this.#phase !== "starting") throw stoppedWhileStarting();
    this.#phase = "running";
    await this.#operations.open();
    // pm2's `wait_ready`, and anybody else who forked this process.
    process.send?.("ready", undefined, undefined, () => {});
  }

  /**
   * Replaces all workers, one at a time, by new ones that load their file afresh: the new one is
   * ready before the old one's sessions are moved, over `drainTimeout`. Service goes on.
   *
   * @returns when every old worker has ended. During a reload it gives the next one's promise.
   * @throws WorkerBootError when a new worker does not become ready; the old workers stay
   * @throws SupervisorError `ERR_SUPERVISOR_STATE` when the manager is not running
   */
  async reload(): Promise<ReloadReport> {
    return this.#running("reload()").reloads.reload();
  }

  /**
   * Changes the number of workers. Those that are too many move their sessions and end.
   *
   * @returns when there are `count` ready workers, and the others have ended
   * @throws OptionError; SupervisorError `ERR_SUPERVISOR_STATE` when the manager is not running
   */
  async scale(count: number): Promise<void> {
    const { pool } = this.#running("scale()");
    const settled = new Promise<void>((resolve, reject) => {
      pool.once("settled", resolve).once("halted", () => reject(stopped("scale()")));
    });
    settled.catch(() => {}); // when the count is refused, nobody waits for it
    pool.setCount(workerCount("count", count, pool.count));
    await settled;
  }

  /**
   * Runs the `onStop` listeners, then ends all workers; those that take longer are killed.
   *
   * @param timeout ms; default: the option `stopTimeout`
   * @returns when no worker is left. Calling it again gives the same promise.
   */
  stop(timeout?: number): Promise<void> {
    const limit = milliseconds("timeout", timeout, this.options.stopTimeout);
    this.#stopping ??= this.#stop(limit);
    return this.#stopping;
  }

  /** `listener` is awaited when the manager stops, before the workers are told to. */
  onStop(listener: () => unknown): void {
    this.#stopListeners.push(listener);
  }

  /** The pids of the workers, as strings. */
  getWorkerIds(): string[] {
    return this.#handles().map(idOf);
  }

  hasWorker(id: string): boolean {
    return this.getWorker(id) !== undefined;
  }

  /** The `node:cluster` worker with this id (its pid as a string). */
  getWorker(id: string): Worker | undefined {
    return this.#handles().find((handle) => idOf(handle) === id)?.worker;
  }

  isWorkerDead(worker: Worker): boolean {
    return worker.isDead();
  }

  /** A snapshot; plain data. */
  status(): ClusterStatus {
    const { sessions, leases } = this.#coordinator ?? {};
    const workers = this.#handles().map((handle) =>
      workerStatus(handle, sessions?.count(handle) ?? 0, leases?.heldBy(handle) ?? []),
    );
    return {
      pid: process.pid,
      phase: this.#phase,
      address: (this.#server?.address() as AddressInfo | null | undefined) ?? null,
      count: this.#pool?.count ?? this.options.count,
      generation: this.#pool?.generation ?? 0,
      restarts: this.#pool?.restarts ?? 0,
      sessions: workers.reduce((sum, { sessions }) => sum + sessions, 0),
      workers,
    };
  }

  #handles(): WorkerHandle[] {
    return this.#pool?.handles() ?? [];
  }

  #createServer(): Server {
    const server = createServer();
    setupStickyMaster(server, {
      loadBalancingMethod: this.options.stickyLoadBalancingMethod,
      routing: this.options.routing,
      tls: this.options.tls,
    });
    return server;
  }

  #running(call: string): { pool: WorkerPool; reloads: Reloads } {
    if (this.#phase === "running" && this.#pool !== undefined && this.#reloads !== undefined) {
      return { pool: this.#pool, reloads: this.#reloads };
    }
    throw new SupervisorError(
      "ERR_SUPERVISOR_STATE",
      `${call} was called, but the manager is ${this.#phase}. Wait for start() first.`,
    );
  }

  #startWorkers(coordinator: Coordinator): Promise<void> {
    const { logger } = this.options;
    coordinator.hangTimeout = this.options.hangTimeout;
    coordinator.registry.maxQueue = this.options.maxQueue ?? coordinator.registry.maxQueue;
    const pool = new WorkerPool(coordinator.registry, this.options);
    this.#pool = pool;
    this.#reloads = new Reloads(pool, (handle) => coordinator.sessions.count(handle), this);
    pool.on("ready", (handle) => this.emit("worker:ready", handle.worker));
    pool.on("hang", (handle, { silentFor }) => {
      const report = hangReport(handle, silentFor, coordinator.sessions.count(handle));
      logger.error(`[socket-supervisor] ${report.message}: killing it`);
      this.emit("worker:hang", handle.worker, report);
    });
    pool.on("giveUp", (error) => this.#giveUp(error));
    return new Promise((resolve, reject) => {
      pool.once("settled", resolve);
      pool.on("exit", (handle, exit) => {
        this.emit("worker:exit", handle.worker, exit);
        if (this.#phase === "stopping") reject(stoppedWhileStarting());
      });
      pool.on("bootFailed", (error: WorkerBootError) => {
        if (this.#phase === "starting") {
          pool.halt();
          reject(error);
        } else {
          logger.error(`[socket-supervisor] ${error.message}`);
        }
      });
      pool.setCount(this.options.count);
    });
  }

  #giveUp(error: RestartLimitError): void {
    const { logger } = this.options;
    logger.error(`[socket-supervisor] ${error.message}`);
    this.emit("cluster:give-up", error);
    this.stop().finally(() => process.exit(1));
  }

  async #stop(timeout: number): Promise<void> {
    const deadline = performance.now() + timeout;
    const wasIdle = this.#phase === "idle";
    this.#phase = "stopping";
    this.#leavePm2?.();
    this.#pool?.halt();
    const coordinator = this.#coordinator;
    // No new sessions from here on; those that come get 503.
    for (const handle of this.#handles()) coordinator?.registry.setState(handle, "stopping");
    await withDeadline(this.#runStopListeners(), deadline);
    this.#server?.close();
    await endWorkers(this.#handles(), deadline);
    this.#pool?.dispose();
    this.#operations?.close();
    if (!wasIdle && [...(coordinator?.registry.all ?? [])].length === 0) coordinator?.removeFiles();
    this.#phase = "stopped";
  }

  async #runStopListeners(): Promise<void> {
    for (const listener of this.#stopListeners) {
      try {
        await listener();
      } catch (error) {
        this.options.logger.error("[socket-supervisor] an onStop listener failed:", error);
      }
    }
  }
}

function stoppedWhileStarting(): SupervisorError {
  return new SupervisorError(
    "ERR_SUPERVISOR_STATE",
    "The manager was stopped before all of its workers were ready.",
  );
}
