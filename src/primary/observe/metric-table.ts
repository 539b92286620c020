/**
 * Every metric of this package: name, type, labels, and what it says. docs/metrics.md repeats the
 * table; a test holds the two equal.
 */
export const METRICS = {
  socket_supervisor_workers: {
    type: "gauge",
    labels: ["state"],
    help: "Worker processes, by what they do: starting, ready, hung, draining, stopping.",
  },
  socket_supervisor_workers_wanted: {
    type: "gauge",
    labels: [],
    help: "How many workers there should be.",
  },
  socket_supervisor_generation: {
    type: "gauge",
    labels: [],
    help: "The generation of workers that is wanted; a reload raises it.",
  },
  socket_supervisor_sessions: {
    type: "gauge",
    labels: ["worker"],
    help: "Engine.IO sessions of a worker.",
  },
  socket_supervisor_sessions_opened_total: {
    type: "counter",
    labels: [],
    help: "Sessions that were opened, but those that were closed again within 20 ms.",
  },
  socket_supervisor_sessions_closed_total: {
    type: "counter",
    labels: [],
    help: "Sessions that were closed, but those that were open for less than 20 ms.",
  },
  socket_supervisor_handshakes_refused_total: {
    type: "counter",
    labels: [],
    help: "Handshakes that opened no session, or one that was closed within 20 ms.",
  },
  socket_supervisor_worker_resident_memory_bytes: {
    type: "gauge",
    labels: ["worker"],
    help: "Resident memory of a worker.",
  },
  socket_supervisor_worker_cpu_seconds_total: {
    type: "counter",
    labels: ["worker"],
    help: "CPU time of a worker, user and system; begins anew with each process.",
  },
  socket_supervisor_worker_event_loop_utilization_ratio: {
    type: "gauge",
    labels: ["worker"],
    help: "Share of the last half second that a worker's event loop was busy, 0 to 1.",
  },
  socket_supervisor_worker_event_loop_delay_seconds: {
    type: "gauge",
    labels: ["worker"],
    help: "The longest that a worker's event loop was late in the last half second.",
  },
  socket_supervisor_worker_uptime_seconds: {
    type: "gauge",
    labels: ["worker"],
    help: "Time since a worker was forked.",
  },
  socket_supervisor_worker_queue_bytes: {
    type: "gauge",
    labels: ["worker"],
    help: "Bytes that wait for a worker, in the primary and in the other workers; see maxQueue.",
  },
  socket_supervisor_connections_waiting: {
    type: "gauge",
    labels: ["worker"],
    help: "Connections that wait in the primary for a worker.",
  },
  socket_supervisor_handoffs_total: {
    type: "counter",
    labels: ["worker"],
    help: "Connections that a worker was handed by the primary; begins anew with each process.",
  },
  socket_supervisor_handoff_duration_seconds: {
    type: "histogram",
    labels: [],
    help:
      "Time from when the primary knew what a connection is until a worker told that it has it; " +
      "workers tell it up to 0.02 s late.",
  },
  socket_supervisor_forwarded_requests_total: {
    type: "counter",
    labels: ["worker"],
    help:
      "Requests, upgrades included, that a worker has passed on to the one that has their session; " +
      "begins anew with each process.",
  },
  socket_supervisor_mesh_messages_total: {
    type: "counter",
    labels: ["worker"],
    help: "Messages that a worker has sent to other workers; begins anew with each process.",
  },
  socket_supervisor_mesh_bytes_total: {
    type: "counter",
    labels: ["worker"],
    help: "Bytes of those messages; begins anew with each process.",
  },
  socket_supervisor_mesh_suppressed_messages_total: {
    type: "counter",
    labels: ["worker"],
    help:
      "Messages that other workers were not sent, since they have nobody in the room; begins anew " +
      "with each process.",
  },
  socket_supervisor_mesh_queue_bytes: {
    type: "gauge",
    labels: ["worker"],
    help: "Bytes that wait in a worker for other workers.",
  },
  socket_supervisor_recoveries_total: {
    type: "counter",
    labels: ["worker", "outcome"],
    help:
      "Clients that came back with a session, by what became of it: recovered; unknown (there is none " +
      "any more), offset (none of ours), taken (it is connected, or restored elsewhere), forgotten " +
      "(something is missing), timeout, full; begins anew with each process.",
  },
  socket_supervisor_recovery_forgotten_total: {
    type: "counter",
    labels: ["worker"],
    help:
      "Messages that a worker no longer keeps for clients that may come back, since there are too " +
      "many; begins anew with each process.",
  },
  socket_supervisor_recovery_bytes: {
    type: "gauge",
    labels: ["worker"],
    help: "Bytes of the messages that a worker keeps for clients that may come back.",
  },
  socket_supervisor_worker_restarts_total: {
    type: "counter",
    labels: ["reason"],
    help: "Workers that died and should have lived, by the reasons of worker_exits_total.",
  },
  socket_supervisor_fork_failures_total: {
    type: "counter",
    labels: [],
    help: "How often a process could not be started: no memory, no descriptors, no room for processes.",
  },
  socket_supervisor_worker_exits_total: {
    type: "counter",
    labels: ["reason"],
    help:
      "Worker processes that ended: ended (code 0, as after a reload), error (another code), " +
      "signal, hang (killed for being silent).",
  },
  socket_supervisor_reload_running: {
    type: "gauge",
    labels: [],
    help: "1 while a reload is under way, else 0.",
  },
  socket_supervisor_reload_replaced_workers: {
    type: "gauge",
    labels: [],
    help: "How many workers the current or last reload has replaced.",
  },
  socket_supervisor_reloads_total: {
    type: "counter",
    labels: ["outcome"],
    help: "Reloads that ended: done, failed.",
  },
  socket_supervisor_reload_moved_sessions_total: {
    type: "counter",
    labels: [],
    help: "Sessions that reloads have moved to new workers.",
  },
  socket_supervisor_resident_memory_bytes: {
    type: "gauge",
    labels: [],
    help: "Resident memory of the primary and all workers; what they share counts for each.",
  },
  socket_supervisor_primary_resident_memory_bytes: {
    type: "gauge",
    labels: [],
    help: "Resident memory of the primary.",
  },
  socket_supervisor_primary_cpu_seconds_total: {
    type: "counter",
    labels: [],
    help: "CPU time of the primary, user and system.",
  },
  socket_supervisor_primary_event_loop_delay_seconds: {
    type: "gauge",
    labels: [],
    help: "The longest that the primary's event loop was late since the last second began.",
  },
  socket_supervisor_primary_event_loop_utilization_ratio: {
    type: "gauge",
    labels: [],
    help: "Share of the last second that the primary's event loop was busy, 0 to 1.",
  },
  socket_supervisor_workers_unscraped: {
    type: "gauge",
    labels: [],
    help: "Workers whose own prom-client metrics are missing in this answer: they were too late, or had too many.",
  },
} as const satisfies Record<
  string,
  { type: "gauge" | "counter" | "histogram"; labels: readonly string[]; help: string }
>;

export type MetricName = keyof typeof METRICS;
