import cluster, { type Worker } from "node:cluster";
import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Server } from "node:net";
import {
  type RestartLimitError,
  SupervisorError,
  type WorkerBootError,
  type WorkerExit,
} from "../errors.js";
import {
  type ClusterManagerOptions,
  milliseconds,
  type ResolvedManagerOptions,
  resolveManagerOptions,
} from "../options.js";
import { type Coordinator, primaryCoordinator } from "./coordinator.js";
import { bindStopSignals } from "./signals.js";
import { setupStickyMaster } from "./sticky-balancer.js";
import type { WorkerHandle, WorkerState } from "./worker-handle.js";
import { WorkerSlots } from "./worker-slots.js";

/** One worker, as `manager.status()` tells it. */
export interface WorkerStatus {
  /** The pid as a string, as in `getWorkerIds()`. */
  id: string;
  pid: number | undefined;
  state: WorkerState;
  generation: number;
  sessions: number;
  /** ms */
  uptime: number;
}

export interface ClusterStatus {
  pid: number;
  phase: ManagerPhase;
  /** Address of the `port` shorthand's server, or `null`. */
  address: AddressInfo | null;
  sessions: number;
  workers: WorkerStatus[];
}

export type ManagerPhase = "idle" | "starting" | "running" | "stopping" | "stopped";

/** Events of {@link ClusterManager}. */
export interface ClusterManagerEvents {
  /** A worker became ready. */
  "worker:ready": [Worker];
  /** A worker's process ended. */
  "worker:exit": [Worker, WorkerExit];
  /** Workers die too fast; the primary stops and exits with 1. */
  "cluster:give-up": [RestartLimitError];
}

/**
 * Forks, watches and stops the worker processes.
 *
 * Made in both primary and workers (as in a single bootstrap file), it does nothing before
 * `start()`, and `isPrimary()` tells which one this is.
 *
 * @throws OptionError (from the constructor) for an option that cannot work
 */
export class ClusterManager extends EventEmitter<ClusterManagerEvents> {
  readonly options: ResolvedManagerOptions;
  #phase: ManagerPhase = "idle";
  #coordinator: Coordinator | undefined;
  #slots: WorkerSlots | undefined;
  #server: Server | undefined;
  #stopListeners: (() => unknown)[] = [];
  #stopping: Promise<void> | undefined;
  #unbindSignals: (() => void) | undefined;

  constructor(options: ClusterManagerOptions = {}) {
    super();
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
    this.#unbindSignals = bindStopSignals(
      this.options.logger,
      () => this.stop(),
      () => this.#killAll(),
    );
    try {
      await this.#startWorkers(this.#coordinator);
      await this.#listen();
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (this.#phase !== "starting") throw stoppedWhileStarting();
    this.#phase = "running";
    // pm2's `wait_ready`, and anybody else who forked this process.
    process.send?.("ready", undefined, undefined, () => {});
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
    const now = performance.now();
    const workers = this.#handles().map((handle) => ({
      id: idOf(handle),
      pid: handle.pid,
      state: handle.state,
      generation: handle.generation,
      sessions: this.#coordinator?.sessions.count(handle) ?? 0,
      uptime: Math.round(now - handle.startedAt),
    }));
    return {
      pid: process.pid,
      phase: this.#phase,
      address: (this.#server?.address() as AddressInfo | null | undefined) ?? null,
      sessions: workers.reduce((sum, { sessions }) => sum + sessions, 0),
      workers,
    };
  }

  #handles(): WorkerHandle[] {
    return this.#slots?.handles() ?? [];
  }

  #createServer(): Server {
    const server = createServer();
    setupStickyMaster(server, {
      loadBalancingMethod: this.options.stickyLoadBalancingMethod,
      routing: this.options.routing,
    });
    return server;
  }

  #startWorkers(coordinator: Coordinator): Promise<void> {
    const { logger } = this.options;
    return new Promise((resolve, reject) => {
      this.#slots = new WorkerSlots(coordinator.registry, this.options, {
        allReady: resolve,
        ready: (handle) => this.emit("worker:ready", handle.worker),
        exit: (handle, exit) => {
          this.emit("worker:exit", handle.worker, exit);
          if (this.#phase === "stopping") reject(stoppedWhileStarting());
        },
        bootFailed: (error: WorkerBootError) => {
          if (this.#phase === "starting") {
            this.#slots?.halt();
            reject(error);
          } else {
            logger.error(`[socket-supervisor] ${error.message}`);
          }
        },
        giveUp: (error) => this.#giveUp(error),
      });
      this.#slots.start();
    });
  }

  async #listen(): Promise<void> {
    const server = this.#server;
    if (server === undefined || this.#phase !== "starting") return;
    const { port, host } = this.options;
    server.listen({ port, host });
    try {
      await once(server, "listening");
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      const where = `${host ?? "*"}:${port}`;
      const why =
        code === "EADDRINUSE"
          ? `${where} is in use by another process. Stop it, or choose another port.`
          : `Cannot listen on ${where}: ${message}`;
      throw new SupervisorError("ERR_SUPERVISOR_LISTEN", why, { cause });
    }
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
    this.#slots?.halt();
    const coordinator = this.#coordinator;
    // No new sessions from here on; those that come get 503.
    for (const handle of this.#handles()) coordinator?.registry.setState(handle, "stopping");
    await withDeadline(this.#runStopListeners(), deadline);
    this.#server?.close();
    await this.#endWorkers(deadline);
    this.#slots?.dispose();
    this.#unbindSignals?.();
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

  /** Returns when no process is left: what does not end by the deadline is killed. */
  async #endWorkers(deadline: number): Promise<void> {
    const exits = Promise.all(
      this.#handles().map((handle) => {
        const exit = new Promise((resolve) => handle.worker.once("exit", resolve));
        const timeout = Math.max(1, deadline - performance.now());
        if (handle.isOurs) handle.send({ type: "supervisor:stop", timeout });
        else handle.signal("SIGTERM");
        return exit;
      }),
    );
    await withDeadline(exits, deadline);
    this.#killAll();
    await exits;
  }

  #killAll(): void {
    for (const handle of this.#handles()) handle.signal("SIGKILL");
  }
}

function idOf(handle: WorkerHandle): string {
  return String(handle.pid);
}

function stoppedWhileStarting(): SupervisorError {
  return new SupervisorError(
    "ERR_SUPERVISOR_STATE",
    "The manager was stopped before all of its workers were ready.",
  );
}

/** Returns when `work` is done or the time is up, whichever is first. */
async function withDeadline(work: Promise<unknown>, deadline: number): Promise<void> {
  const controller = new AbortController();
  const timer = new Promise<void>((resolve) => {
    const timeout = setTimeout(resolve, Math.max(0, deadline - performance.now()));
    controller.signal.addEventListener("abort", () => clearTimeout(timeout));
  });
  await Promise.race([work, timer]);
  controller.abort();
}
