import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { HandoffTakenEvent } from "../../diagnostics.js";
import type { AppMetrics } from "./app-metrics.js";
import type { Journal } from "./journal.js";
import { METRICS, type MetricName } from "./metric-table.js";
import { tellWorkers } from "./worker-metrics.js";

const HANDOFFS = "socket_supervisor_handoff_duration_seconds";

/** What is told as one number. */
type SetName = Exclude<MetricName, typeof HANDOFFS>;

const STATES = ["starting", "ready", "hung", "draining", "stopping"] as const;

/** Where hand-offs fall (s): a worker that is well has a connection within the first few. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const TAKEN = "socket-supervisor:handoff-taken";

/** `GET /metrics`: this package's metrics, and those of the application in all workers. */
export class Metrics {
  readonly #journal: Journal;
  readonly #app: AppMetrics;

  readonly #handoffs = new Histogram({
    name: HANDOFFS,
    help: METRICS[HANDOFFS].help,
    buckets: BUCKETS,
    registers: [],
  });

  constructor(journal: Journal, app: AppMetrics) {
    this.#journal = journal;
    this.#app = app;
    subscribe(TAKEN, this.#onTaken);
  }

  close(): void {
    unsubscribe(TAKEN, this.#onTaken);
  }

  readonly #onTaken = (event: unknown): void => {
    this.#handoffs.observe((event as HandoffTakenEvent).duration / 1_000);
  };

  get contentType(): string {
    return Registry.PROMETHEUS_CONTENT_TYPE;
  }

  /** In Prometheus's text format. */
  async text(): Promise<string> {
    const app = await this.#app.collect();
    const own = await this.#own(app.missing);
    return app.text === "" ? own : `${own}\n${app.text}`;
  }

  /** A registry for each answer, so that workers that are gone are gone from it too. */
  #own(missing: number): Promise<string> {
    const registry = new Registry();
    registry.registerMetric(this.#handoffs);
    const set = (name: SetName, value: number, labels: Record<string, string> = {}): void => {
      metricIn(registry, name).inc(labels, value);
    };
    const { status, primary, reload } = this.#journal.snapshot();
    const { exits, restarts, reloads, sessionsMoved, opened, closed, refused } =
      this.#journal.counters;
    for (const state of STATES) {
      const count = status.workers.filter((worker) => worker.state === state).length;
      set("socket_supervisor_workers", count, { state });
    }
    set("socket_supervisor_workers_wanted", status.count);
    set("socket_supervisor_generation", status.generation);
    set("socket_supervisor_sessions_opened_total", opened);
    set("socket_supervisor_sessions_closed_total", closed);
    set("socket_supervisor_handshakes_refused_total", refused);
    tellWorkers(status.workers, set);
    for (const [reason, count] of Object.entries(restarts)) {
      set("socket_supervisor_worker_restarts_total", count, { reason });
    }
    set("socket_supervisor_fork_failures_total", status.forkFailures);
    for (const [reason, count] of Object.entries(exits)) {
      set("socket_supervisor_worker_exits_total", count, { reason });
    }
    set("socket_supervisor_reload_running", reload.running ? 1 : 0);
    set("socket_supervisor_reload_replaced_workers", reload.replaced);
    for (const [outcome, count] of Object.entries(reloads)) {
      set("socket_supervisor_reloads_total", count, { outcome });
    }
    set("socket_supervisor_reload_moved_sessions_total", sessionsMoved);
    const ofWorkers = status.workers.reduce((sum, { vitals }) => sum + (vitals?.rss ?? 0), 0);
    set("socket_supervisor_resident_memory_bytes", primary.rss + ofWorkers);
    set("socket_supervisor_primary_resident_memory_bytes", primary.rss);
    set("socket_supervisor_primary_cpu_seconds_total", primary.cpuTime);
    set("socket_supervisor_primary_event_loop_delay_seconds", primary.eventLoopDelay / 1_000);
    set("socket_supervisor_primary_event_loop_utilization_ratio", primary.eventLoopUtilization);
    set("socket_supervisor_workers_unscraped", missing);
    return registry.metrics();
  }
}

function metricIn(registry: Registry, name: SetName): Counter | Gauge {
  const known = registry.getSingleMetric(name);
  if (known !== undefined) return known as Counter | Gauge;
  const { type, labels, help } = METRICS[name];
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  return type === "gauge" ? new Gauge(options) : new Counter(options);
}
