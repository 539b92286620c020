import type { AddressInfo } from "node:net";
import type { WorkerVitals } from "../../protocol.js";
import type { WorkerHandle, WorkerState } from "../workers/worker-handle.js";

export type ManagerPhase = "idle" | "starting" | "running" | "stopping" | "stopped";

/** One worker, as `manager.status()` tells it. */
export interface WorkerStatus {
  /** The pid as a string, as in `getWorkerIds()`. */
  id: string;
  /** Of its slot, from 1: its successor has the same. `SUPERVISOR_WORKER` in its environment. */
  number: number;
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
  /** Bytes that wait in the primary for it; beyond `maxQueue` it is killed. */
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
  /** Bytes that wait for it. */
  queue: number;
  sessions: number;
  /** Its last lines on stderr; with the watchdog, where its JavaScript is stuck. */
  stderr: string;
  /** All of it in one sentence. */
  message: string;
}

let lastRss = 0;

export function primaryStatus(): ClusterStatus["primary"] {
  const { user, system } = process.cpuUsage();
  try {
    lastRss = process.memoryUsage.rss();
  } catch {
    // Node reads /proc, for which a descriptor may be missing: the last figure stands.
  }
  return { rss: lastRss, cpuTime: (user + system) / 1e6 };
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
    number: handle.terms.slot ?? 0,
    pid: handle.pid,
    state: handle.state,
    generation: handle.generation,
    sessions,
    restarts,
    uptime: Math.round(performance.now() - handle.startedAt),
    vitals: handle.vitals ?? null,
    inspector: handle.inspector.url,
    queue: handle.queue,
    waiting: handle.handoffs.count,
    handoffs: handle.arrivals,
    jobs,
  };
}

export function hangReport(handle: WorkerHandle, silentFor: number, sessions: number): HangReport {
  const { stderr } = handle.describeExit(null, null);
  const { queue } = handle;
  const why = handle.isFull
    ? `does not read the ${Math.round(queue / 1024 / 1024)} MB that wait for it (maxQueue)`
    : `has been silent for ${Math.round(silentFor)} ms`;
  const message = `worker ${handle.pid} ${why}, with ${sessions} sessions`;
  return { silentFor, queue, sessions, stderr, message };
}
