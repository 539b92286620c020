import type { HangReport, WorkerStatus } from "../../manager-contract.js";
import type { WorkerHandle } from "../workers/worker-handle.js";

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
  const why = handle.closedFor ?? `has been silent for ${Math.round(silentFor)} ms`;
  const message = `worker ${handle.pid} ${why}, with ${sessions} sessions`;
  return { silentFor, queue, sessions, stderr, message };
}
