/** What a manager can be asked, and what it answers: plain data, and one contract for all who ask. */
import type { Worker } from "node:cluster";
import type { AddressInfo } from "node:net";
import type { RestartLimitError, SupervisorError, WorkerExit } from "./errors.js";
import type { WorkerFacts } from "./policy/reconcile.js";
import type { WorkerVitals } from "./protocol/messages.js";

export type ManagerPhase = "idle" | "starting" | "running" | "stopping" | "stopped";

/** One worker, as `manager.status()` tells it. */
export interface WorkerStatus {
  /** The pid as a string, as in `getWorkerIds()`. */
  id: string;
  /** Of its slot, from 1: its successor has the same. `SUPERVISOR_WORKER` in its environment. */
  number: number;
  pid: number | undefined;
  state: WorkerFacts["state"];
  generation: number;
  sessions: number;
  /** How often workers of its slot had died before it was started. */
  restarts: number;
  /** ms */
  uptime: number;
  /** How it was at its last heartbeat; `null` before the first. */
  vitals: WorkerVitals | null;
  /** URL of its inspector; `null` when that is closed. While it is open the worker is not killed as hung. */
  inspector: string | null;
  /**
   * Bytes that wait for it: in the primary, and in the other workers as of their last heartbeats.
   * When one of them has more than `maxQueue` and it does not get less, this worker is killed.
   */
  queue: number;
  /** Connections that wait in the primary for it. */
  waiting: number;
  /** Connections that the primary has handed to it. */
  handoffs: number;
  /** Names of the jobs of `runOnce()` that it has. */
  jobs: string[];
}

export interface ClusterStatus {
  pid: number;
  phase: ManagerPhase;
  /** Address of the `port` shorthand's server, or `null`. */
  address: AddressInfo | null;
  /** How many workers there should be. */
  count: number;
  generation: number;
  /** Deaths since the start of workers that should have lived. */
  restarts: number;
  /** How often a process could not be started since then (no memory, no descriptors). */
  forkFailures: number;
  sessions: number;
  workers: WorkerStatus[];
  /** The primary's own resident memory (bytes), and CPU time since its start (seconds). */
  primary: { rss: number; cpuTime: number };
}

/** What is known of a worker that hangs. */
export interface HangReport {
  /** ms since its last heartbeat. */
  silentFor: number;
  /** Bytes that wait for it. */
  queue: number;
  sessions: number;
  /** Its last lines on stderr; with the watchdog, where its JavaScript is stuck. */
  stderr: string;
  /** All of it in one sentence. */
  message: string;
}

/** What a reload did. */
export interface ReloadReport {
  generation: number;
  /** Pids of the workers that left, and of those that took their place. */
  replaced: { old: number | undefined; new: number | undefined }[];
  /** ms */
  duration: number;
  /** Sessions that the old workers had when they began to drain. */
  sessionsMoved: number;
}

export interface ReloadEvents {
  /** A reload begins. */
  "reload:start": [{ generation: number; workers: number }];
  /** A new worker has taken the place of an old one, which drains now. */
  "reload:progress": [{ generation: number; replaced: number; workers: number }];
  /** All workers run new code, and the old ones have ended. */
  "reload:done": [ReloadReport];
  /** A new worker did not become ready, and the old ones stay; or the manager was stopped. */
  "reload:failed": [SupervisorError];
}

/** Events of `ClusterManager`. */
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

interface Listen {
  (event: "worker:ready", listener: (worker: Worker) => void): unknown;
  (event: "worker:exit", listener: (worker: Worker, exit: WorkerExit) => void): unknown;
  (event: "worker:hang", listener: (worker: Worker, report: HangReport) => void): unknown;
  (event: "reload:start", listener: (...args: ReloadEvents["reload:start"]) => void): unknown;
  (event: "reload:progress", listener: (...args: ReloadEvents["reload:progress"]) => void): unknown;
  (event: "reload:done", listener: (...args: ReloadEvents["reload:done"]) => void): unknown;
  (event: "reload:failed", listener: (...args: ReloadEvents["reload:failed"]) => void): unknown;
}

/**
 * A running manager, as signals, control socket, status port, pm2, test clusters and load tests ask
 * it. Whoever needs less of it picks from here.
 */
export interface Manager {
  status(): ClusterStatus;
  reload(): Promise<ReloadReport>;
  /** @param count of workers */
  scale(count: number): Promise<void>;
  /** @param timeout ms; default: the option `stopTimeout` */
  stop(timeout?: number): Promise<void>;
  on: Listen;
  off: Listen;
}

/** What a manager can be asked from another process, over whatever way. */
export type RemoteManager<Call extends keyof Manager> = {
  [Name in Call]: (
    ...args: Parameters<Manager[Name]>
  ) => Promise<Awaited<ReturnType<Manager[Name]>>>;
};
