import t from "tap";
import type { WorkerStatus } from "../../../../src/manager-contract.js";
import { tellWorkers } from "../../../../src/primary/observe/worker-metrics.js";

const mesh = {
  peers: 1,
  messages: 10,
  bytes: 1_000,
  suppressed: 3,
  queue: 7,
  rooms: 2,
  tableBytes: 64,
};

const vitals = { eventLoopUtilization: 0.25, eventLoopDelay: 5, rss: 100, cpuTime: 2 };

function worker(number: number, more: Partial<WorkerStatus> = {}): WorkerStatus {
  return {
    id: String(number),
    number,
    pid: number,
    state: "ready",
    generation: 0,
    sessions: 4,
    restarts: 0,
    uptime: 2_000,
    inspector: null,
    queue: 11,
    waiting: 1,
    handoffs: 20,
    jobs: [],
    vitals: { ...vitals, forwarded: 6, mesh },
    ...more,
  };
}

function told(workers: WorkerStatus[]): Record<string, number> {
  const values: Record<string, number> = {};
  tellWorkers(workers, (name, value, { worker }) => {
    const key = `${name.replace("socket_supervisor_", "")} ${worker}`;
    if (key in values) throw new Error(`${key} is told twice`);
    values[key] = value;
  });
  return values;
}

t.test("each worker by the number of its slot", async (t) => {
  t.strictSame(told([worker(2)]), {
    "sessions 2": 4,
    "worker_resident_memory_bytes 2": 100,
    "worker_cpu_seconds_total 2": 2,
    "worker_queue_bytes 2": 11,
    "connections_waiting 2": 1,
    "handoffs_total 2": 20,
    "forwarded_requests_total 2": 6,
    "mesh_messages_total 2": 10,
    "mesh_bytes_total 2": 1_000,
    "mesh_suppressed_messages_total 2": 3,
    "mesh_queue_bytes 2": 7,
    "worker_uptime_seconds 2": 2,
    "worker_event_loop_utilization_ratio 2": 0.25,
    "worker_event_loop_delay_seconds 2": 0.005,
  });
});

t.test("a worker and its successor as one: sums, and the greater delay", async (t) => {
  const successor = worker(1, {
    sessions: 1,
    uptime: 100,
    vitals: { ...vitals, eventLoopUtilization: 0.75, rss: 50 },
  });
  t.match(told([worker(1), successor, worker(2)]), {
    "sessions 1": 5,
    "sessions 2": 4,
    "worker_resident_memory_bytes 1": 150,
    "worker_uptime_seconds 1": 2,
    "worker_event_loop_utilization_ratio 1": 0.75,
    "mesh_messages_total 1": 10,
  });
});

t.test("of a worker that has not been heard of there is nothing but what is known", async (t) => {
  const names = Object.keys(told([worker(1, { vitals: null })]));
  t.strictSame(
    names.filter((name) => /memory|cpu|loop|mesh|forwarded/.test(name)),
    [],
  );
  t.equal(names.length, 5);
});
