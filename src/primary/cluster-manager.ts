import cluster, { type Worker } from "node:cluster";
import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { type RestartLimitError, SupervisorError } from "../errors.js";
import { MAX_QUEUE } from "../limits.js";
import type {
  ClusterManagerEvents,
  ClusterStatus,
  Manager,
  ManagerPhase,
  ReloadReport,
} from "../manager-contract.js";
import { errorText, milliseconds } from "../options/checks.js";
import {
  type ClusterManagerOptions,
  type ResolvedManagerOptions,
  type Routing,
  resolveManagerOptions,
  workerCount,
} from "../options/options.js";
import { UNUSED_SETTINGS } from "../options/other-names.js";
import { joinPm2, refusePm2Cluster } from "../pm2.js";
import { type PrimaryParts, primaryParts } from "./composition.js";
import { Operations } from "./control/operations.js";
import { hangReport, idOf, workerStatus } from "./control/status.js";
import { listen, shownUrl } from "./listen.js";
import { primaryStatus } from "./primary-status.js";
import { balance } from "./setup-sticky-master.js";
import { realClock } from "./supervision/pool-system.js";
import { stopped } from "./supervision/pool-waits.js";
import { Reloads } from "./supervision/reloads.js";
import { watchSelfListening } from "./supervision/self-listening.js";
import { StopListeners } from "./supervision/stop-listeners.js";
import { WorkerPool } from "./supervision/worker-pool.js";
import type { WorkerHandle } from "./workers/worker-handle.js";

/** Midway's bootstrap hands them to `node:cluster`; here the manager decides. */
function warnOfUnused(options: object): void {
  const unused = Object.keys(options).filter((name) => UNUSED_SETTINGS.includes(name));
  if (unused.length === 0) return;
  process.emitWarning(`Settings of node:cluster have no effect here: ${unused.join(", ")}`, {
    code: "SUPERVISOR_UNUSED_SETTING",
  });
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
export class ClusterManager extends EventEmitter<ClusterManagerEvents> implements Manager {
  /** As they were given, with the defaults; frozen. */
  readonly options: ResolvedManagerOptions;
  #phase: ManagerPhase = "idle";
  #parts: PrimaryParts | undefined;
  #pool: WorkerPool | undefined;
  #reloads: Reloads | undefined;
  #server: Server | undefined;
  readonly #stopListeners = new StopListeners();
  readonly #stopSignal = new AbortController();
  #stopping: Promise<void> | undefined;
  #operations: Operations | undefined;
  #leavePm2: (() => void) | undefined;

  constructor(options: ClusterManagerOptions = {}) {
    super();
    refusePm2Cluster();
    this.options = resolveManagerOptions(options);
    if (this.isPrimary()) warnOfUnused(options);
  }

  /** Whether this process is the primary. */
  isPrimary(): boolean {
    return !cluster.isWorker;
  }

  /**
   * Forks the workers; with `port`, listens when they are ready, and says so in one line through the
   * logger: "http://localhost:7001 is ready: 2 workers".
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
    const parts = primaryParts();
    const pool = this.#createPool(parts);
    this.#parts = parts;
    this.#pool = pool;
    this.#reloads = new Reloads(pool, (handle) => parts.sessions.count(handle), this);
    this.#phase = "starting";
    this.#operations = new Operations(this, this.options, pool, parts.registry);
    this.#leavePm2 = joinPm2(this);
    try {
      await pool.scale(this.options.count, "start()");
      if (this.#server !== undefined && this.#isStarting()) {
        await listen(this.#server, this.options, this.#handles(), this.#stopSignal.signal);
      }
      if (!this.#isStarting()) throw stopped("start()");
      this.#phase = "running";
      await this.#operations.open();
      if (!this.#isRunning()) {
        this.#operations.close(); // what it has opened since the stop
        throw stopped("start()");
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#sayReady();
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
   * @throws WorkerBootError when a new worker does not become ready; the number is what it was
   * @throws OptionError; SupervisorError `ERR_SUPERVISOR_STATE` when the manager is not running
   */
  async scale(count: number): Promise<void> {
    const { pool } = this.#running("scale()");
    await pool.scale(workerCount("count", count, pool.count));
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
    this.#stopListeners.add(listener);
  }

  /** The pids of the workers, as strings. */
  getWorkerIds(): string[] {
    return this.#handles().map(idOf);
  }

  /** Whether a worker has this id (its pid as a string). */
  hasWorker(id: string): boolean {
    return this.getWorker(id) !== undefined;
  }

  /** The `node:cluster` worker with this id (its pid as a string). */
  getWorker(id: string): Worker | undefined {
    return this.#handles().find((handle) => idOf(handle) === id)?.worker;
  }

  /** Whether the process of this `node:cluster` worker has ended. */
  isWorkerDead(worker: Worker): boolean {
    return worker.isDead();
  }

  /** A snapshot; plain data. */
  status(): ClusterStatus {
    const { sessions, leases } = this.#parts ?? {};
    const workers = this.#handles().map((handle) =>
      workerStatus(handle, {
        sessions: sessions?.count(handle) ?? 0,
        jobs: leases?.heldBy(handle) ?? [],
        restarts: this.#pool?.restartsBefore(handle) ?? 0,
      }),
    );
    return {
      pid: process.pid,
      phase: this.#phase,
      address: (this.#server?.address() as AddressInfo | null | undefined) ?? null,
      count: this.#pool?.count ?? this.options.count,
      generation: this.#pool?.generation ?? 0,
      restarts: this.#pool?.restarts ?? 0,
      forkFailures: this.#pool?.forkFailures ?? 0,
      sessions: workers.reduce((sum, { sessions }) => sum + sessions, 0),
      workers,
      primary: primaryStatus(),
    };
  }

  /** Where it listens, if it does: in a way that a browser understands. */
  #sayReady(): void {
    const { logger, host, tls } = this.options;
    const { address, workers } = this.status();
    if (address === null) return;
    const count = workers.filter(({ state }) => state === "ready").length;
    const url = shownUrl(address.port, { host, tls });
    logger.info(`${url} is ready: ${count} ${count === 1 ? "worker" : "workers"}`);
  }

  #handles(): WorkerHandle[] {
    return this.#pool?.handles() ?? [];
  }

  // Through methods, since TypeScript believes that nothing changes during an `await`.
  #isStarting(): boolean {
    return this.#phase === "starting";
  }

  #isRunning(): boolean {
    return this.#phase === "running";
  }

  /** @returns how the workers have to take its connections */
  #createServer(parts: PrimaryParts): Routing {
    this.#server = createServer();
    return balance(parts, this.#server, {
      loadBalancingMethod: this.options.stickyLoadBalancingMethod,
      routing: this.options.routing,
      tls: this.options.tls,
    });
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

  #createPool(parts: PrimaryParts): WorkerPool {
    const { logger, logPrefix, port, sticky, hangTimeout, maxQueue = MAX_QUEUE } = this.options;
    const routing = port === undefined ? undefined : this.#createServer(parts);
    const terms = {
      managed: true,
      requiresAdoption: sticky,
      logPrefix,
      hangTimeout,
      maxQueue,
      routing,
    };
    const pool = new WorkerPool(parts.registry, this.options, terms);
    watchSelfListening(parts.registry, realClock, {
      isOwn: (handle) => pool.handles().includes(handle),
      logger,
    });
    pool.on("ready", (handle) => this.emit("worker:ready", handle.worker));
    pool.on("exit", (handle, exit) => this.emit("worker:exit", handle.worker, exit));
    pool.on("hang", (handle, { silentFor }) => {
      const report = hangReport(handle, silentFor, parts.sessions.count(handle));
      logger.error(`[socket-supervisor] ${report.message}: killing it`);
      this.emit("worker:hang", handle.worker, report);
    });
    pool.on("bootFailed", ({ message }) => {
      // The caller of start() is told.
      if (!this.#isStarting()) logger.error(`[socket-supervisor] ${message}`);
    });
    pool.on("forkWorks", () => logger.info("[socket-supervisor] workers can be started again"));
    pool.on("lost", ({ pid }) =>
      logger.error(`[socket-supervisor] worker ${pid} was killed, and does not end`),
    );
    pool.on("giveUp", (error) => this.#giveUp(error));
    return pool;
  }

  #giveUp(error: RestartLimitError): void {
    const { logger } = this.options;
    logger.error(`[socket-supervisor] ${error.message}`);
    this.emit("cluster:give-up", error);
    this.stop()
      .catch((failure) => logger.error(`[socket-supervisor] stop() failed: ${errorText(failure)}`))
      .finally(() => process.exit(1));
  }

  async #stop(timeout: number): Promise<void> {
    this.#phase = "stopping";
    this.#leavePm2?.();
    // No new sessions from here on; those that come get 503.
    this.#pool?.retire(timeout);
    this.#stopSignal.abort();
    await this.#stopListeners.run(timeout, this.options.logger);
    this.#server?.close();
    await this.#pool?.end();
    this.#operations?.close();
    if (this.#parts?.registry.isEmpty) this.#parts.gateways.close();
    this.#phase = "stopped";
  }
}
