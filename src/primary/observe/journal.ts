import type { Worker } from "node:cluster";
import { describeExit, type WorkerExit } from "../../errors.js";
import type { ClusterStatus, Manager } from "../../manager-contract.js";
import type { ToPrimary } from "../../protocol/messages.js";
import type { Death } from "../supervision/pool-events.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";
import { OwnVitals, type PrimaryVitals } from "./vitals.js";

/** One line for people. `kind` tells the page how to show it. */
export interface JournalEvent {
  /** `Date.now()` */
  at: number;
  kind: "exit" | "reload" | "problem";
  text: string;
}

/** How the cluster was at one moment; plain data. */
export interface Sample {
  /** `Date.now()` */
  at: number;
  workers: { pid: number; sessions: number; delay: number; rss: number }[];
}

/** What a page needs to begin. */
export interface Snapshot {
  status: ClusterStatus;
  primary: PrimaryVitals;
  reload: Reload;
  events: readonly JournalEvent[];
}

export interface Reload {
  running: boolean;
  replaced: number;
  workers: number;
}

type EndReason = "ended" | "error" | "signal" | "hang";

export interface Counters {
  exits: Record<EndReason, number>;
  /** Of these, workers that should have lived. */
  restarts: Record<EndReason, number>;
  reloads: Record<"done" | "failed", number>;
  sessionsMoved: number;
  opened: number;
  closed: number;
  refused: number;
}

/** A manager, as far as it is observed. */
export type Observed = Pick<Manager, "status" | "on" | "off">;

/** A pool, likewise. */
export interface ObservedPool {
  on(event: "died", listener: (death: Death) => void): unknown;
  off(event: "died", listener: (death: Death) => void): unknown;
}

/** ms between two samples, and how many are kept: five minutes. */
const INTERVAL = 1_000;
const SAMPLES = 300;

const EVENTS = 50;

/** What has happened since the start: counters, the last events, and five minutes of samples. */
export class Journal {
  readonly counters: Counters = {
    exits: { ended: 0, error: 0, signal: 0, hang: 0 },
    restarts: { ended: 0, error: 0, signal: 0, hang: 0 },
    reloads: { done: 0, failed: 0 },
    sessionsMoved: 0,
    opened: 0,
    closed: 0,
    refused: 0,
  };
  reload: Reload = { running: false, replaced: 0, workers: 0 };
  readonly #observed: Observed;
  readonly #registry: Pick<WorkerRegistry, "on" | "off">;
  readonly #pool: ObservedPool;
  readonly #vitals = new OwnVitals();
  readonly #hung = new Set<number | undefined>();
  readonly #timer: NodeJS.Timeout;
  #events: JournalEvent[] = [];
  #samples: Sample[] = [];

  constructor(
    observed: Observed,
    registry: Pick<WorkerRegistry, "on" | "off">,
    pool: ObservedPool,
  ) {
    this.#observed = observed;
    this.#registry = registry;
    this.#bind(observed.on.bind(observed));
    this.#pool = pool;
    registry.on("message", this.#onMessage);
    pool.on("died", this.#onDied);
    this.#timer = setInterval(() => this.#sample(), INTERVAL).unref();
  }

  /** @param listen `on`, or `off` */
  #bind(listen: Observed["on"]): void {
    listen("worker:hang", this.#onHang);
    listen("worker:exit", this.#onExit);
    listen("reload:start", this.#onReloadStart);
    listen("reload:progress", this.#onProgress);
    listen("reload:done", this.#onReloadDone);
    listen("reload:failed", this.#onReloadFailed);
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  snapshot(): Snapshot {
    const { reload } = this;
    const events = this.#events;
    return { status: this.#observed.status(), primary: this.#vitals.get(), reload, events };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#vitals.stop();
    this.#bind(this.#observed.off.bind(this.#observed));
    this.#registry.off("message", this.#onMessage);
    this.#pool.off("died", this.#onDied);
  }

  #sample(): void {
    this.#vitals.sample();
    const workers = this.#observed
      .status()
      .workers.flatMap(({ pid, sessions, vitals }) =>
        pid === undefined || vitals === null
          ? []
          : [{ pid, sessions, delay: vitals.eventLoopDelay, rss: vitals.rss }],
      );
    this.#samples.push({ at: Date.now(), workers });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  #tell(kind: JournalEvent["kind"], text: string): void {
    this.#events = [...this.#events, { at: Date.now(), kind, text }].slice(-EVENTS);
  }

  readonly #onHang = ({ process: { pid } }: Worker): void => {
    this.#hung.add(pid);
    this.#tell("problem", `worker ${pid} hangs: killing it`);
  };

  readonly #onExit = (_worker: Worker, exit: WorkerExit): void => {
    if (exit.pid === undefined) return; // there was no process: see `forkFailures`
    const reason = this.#reasonOf(exit);
    this.#hung.delete(exit.pid);
    this.counters.exits[reason]++;
    this.#tell(reason === "ended" ? "exit" : "problem", `worker ${exit.pid} ${describeExit(exit)}`);
  };

  /** Comes before the exit. */
  readonly #onDied = ({ exit, counts }: Death): void => {
    if (counts) this.counters.restarts[this.#reasonOf(exit)]++;
  };

  #reasonOf({ pid, exitCode, signal }: WorkerExit): EndReason {
    if (this.#hung.has(pid)) return "hang";
    if (signal !== null) return "signal";
    return exitCode === 0 ? "ended" : "error";
  }

  readonly #onReloadStart = ({ workers }: { workers: number }): void => {
    this.reload = { running: true, replaced: 0, workers };
    this.#tell("reload", `reload of ${workers} workers begins`);
  };

  readonly #onProgress = ({ replaced }: { replaced: number }): void => {
    this.reload = { ...this.reload, replaced };
  };

  readonly #onReloadDone = ({ sessionsMoved }: { sessionsMoved: number }): void => {
    this.reload = { ...this.reload, running: false };
    this.counters.reloads.done++;
    this.counters.sessionsMoved += sessionsMoved;
    this.#tell("reload", `reload done, ${sessionsMoved} sessions moved`);
  };

  readonly #onReloadFailed = ({ message }: Error): void => {
    this.reload = { ...this.reload, running: false };
    this.counters.reloads.failed++;
    this.#tell("problem", `reload failed: ${message.split("\n")[0]}`);
  };

  readonly #onMessage = (_handle: WorkerHandle, message: ToPrimary): void => {
    if (message.type !== "supervisor:sessions") return;
    this.counters.opened += message.opened.length;
    this.counters.closed += message.closed.length;
    this.counters.refused += message.refused;
  };
}
