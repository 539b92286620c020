import type { WorkerStatus } from "../../manager-contract.js";
import type { METRICS, MetricName } from "./metric-table.js";

/** Those that are told as one number for each worker. */
type Told = {
  [K in MetricName]: (typeof METRICS)[K]["type"] extends "histogram" ? never : K;
}[MetricName];

type Read = (worker: WorkerStatus) => number | undefined;

/** What the processes of a slot have together. */
const SUMS: readonly (readonly [Told, Read])[] = [
  ["socket_supervisor_sessions", ({ sessions }) => sessions],
  ["socket_supervisor_worker_resident_memory_bytes", ({ vitals }) => vitals?.rss],
  ["socket_supervisor_worker_cpu_seconds_total", ({ vitals }) => vitals?.cpuTime],
  ["socket_supervisor_worker_queue_bytes", ({ queue }) => queue],
  ["socket_supervisor_connections_waiting", ({ waiting }) => waiting],
  ["socket_supervisor_handoffs_total", ({ handoffs }) => handoffs],
  ["socket_supervisor_forwarded_requests_total", ({ vitals }) => vitals?.forwarded],
  ["socket_supervisor_mesh_messages_total", ({ vitals }) => vitals?.mesh?.messages],
  ["socket_supervisor_mesh_bytes_total", ({ vitals }) => vitals?.mesh?.bytes],
  ["socket_supervisor_mesh_suppressed_messages_total", ({ vitals }) => vitals?.mesh?.suppressed],
  ["socket_supervisor_mesh_queue_bytes", ({ vitals }) => vitals?.mesh?.queue],
  ["socket_supervisor_recovery_forgotten_total", ({ vitals }) => vitals?.recovery?.forgotten],
  ["socket_supervisor_recovery_bytes", ({ vitals }) => vitals?.recovery?.bytes],
];

/** Of what the one counts that has most. */
const MAXIMA: readonly (readonly [Told, Read])[] = [
  ["socket_supervisor_worker_uptime_seconds", ({ uptime }) => uptime / 1_000],
  [
    "socket_supervisor_worker_event_loop_utilization_ratio",
    ({ vitals }) => vitals?.eventLoopUtilization,
  ],
  [
    "socket_supervisor_worker_event_loop_delay_seconds",
    ({ vitals }) => (vitals === null ? undefined : vitals.eventLoopDelay / 1_000),
  ],
];

/**
 * The metrics of workers, by the number of their slot: while a reload replaces a worker, its
 * successor and itself are told as one, so that sums over all workers stay right.
 */
export function tellWorkers(
  workers: readonly WorkerStatus[],
  set: (name: Told, value: number, labels: { worker: string; outcome?: string }) => void,
): void {
  for (const number of new Set(workers.map((worker) => worker.number))) {
    const ofSlot = workers.filter((worker) => worker.number === number);
    const labels = { worker: String(number) };
    const tell = (name: Told, read: Read, merge: (values: number[]) => number): void => {
      const values = ofSlot.map(read).filter((value) => value !== undefined);
      if (values.length > 0) set(name, merge(values), labels);
    };
    for (const [name, read] of SUMS) {
      tell(name, read, (values) => values.reduce((sum, value) => sum + value, 0));
    }
    for (const [name, read] of MAXIMA) tell(name, read, (values) => Math.max(...values));
    for (const { vitals } of ofSlot) {
      for (const [outcome, count] of Object.entries(vitals?.recovery?.outcomes ?? {})) {
        set("socket_supervisor_recoveries_total", count, { ...labels, outcome });
      }
    }
  }
}
