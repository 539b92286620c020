import type { AddressInfo } from "node:net";
import type { WorkerVitals } from "../../protocol.js";
import type { WorkerHandle, WorkerState } from "../workers/worker-handle.js";

export type ManagerPhase = "idle" | "starting" | "running" | "stopping" | "stopped";

/** One worker, as `manager.status()` tells it. */
export interface WorkerStatus {
  /** The pid as a string, as in `getWorkerIds()`. */
  id: string;
  pid: number | undefined;
  state: WorkerState;
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
  /** Deaths since the start that were answered with a new worker. */
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
  sessions: number;
  /** Its last lines on stderr; with the watchdog, where its JavaScript is stuck. */
  stderr: string;
  /** All of it in one sentence. */
  message: string;
}

export function primaryStatus(): ClusterStatus["primary"] {
  const { user, system } = process.cpuUsage();
  return { rss: process.memoryUsage.rss(), cpuTime: (user + system) / 1e6 };
}

/** A worker's id, as Midway's bootstrap has it. */
export function idOf(handle: WorkerHandle): string {
  return String(handle.pid);
}

export function workerStatus(
  handle: WorkerHandle,
  { sessions, jobs, restarts }: Pick<WorkerStatus, "sessions" | "jobs" | "restarts">,
): WorkerStatus {
  return {
    id: idOf(handle),
    pid: handle.pid,
    state: handle.state,
    generation: handle.generation,
    sessions,
    restarts,
    uptime: Math.round(performance.now() - handle.startedAt),
    vitals: handle.vitals ?? null,
    inspector: handle.inspector.url,
    jobs,
  };
}

export function hangReport(handle: WorkerHandle, silentFor: number, sessions: number): HangReport {
  const { stderr } = handle.describeExit(null, null);
  const message =
    `worker ${handle.pid} has been silent for ${Math.round(silentFor)} ms, ` +
    `with ${sessions} sessions`;
  return { silentFor, sessions, stderr, message };
}
