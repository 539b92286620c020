import { EventEmitter } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { MAX_QUEUE } from "../../src/limits.js";
import { resolveManagerOptions } from "../../src/options/options.js";
import type { PoolRegistry, PoolSystem } from "../../src/primary/supervision/pool-system.js";
import { Reloads } from "../../src/primary/supervision/reloads.js";
import { WorkerPool } from "../../src/primary/supervision/worker-pool.js";
import type { WorkerHandle, WorkerState } from "../../src/primary/workers/worker-handle.js";
import type { Random } from "./random.js";

/** A worker that is only a record, as far as the pool looks at it. */
export interface FakeWorker {
  pid: number | undefined;
  generation: number;
  terms: { requiresAdoption: boolean };
  state: WorkerState;
  stateBefore: WorkerState;
  wasReady: boolean;
  startError: Error | undefined;
  isInspected: boolean;
  isOurs: boolean;
  /** What it was told: message types and signals. */
  told: string[];
  send(message: { type: string }): void;
  signal(signal: string): void;
}

/** How `fork()` ends: with a process, as ENOMEM does, or as EAGAIN and EMFILE do. */
export type Forking = "works" | "throws" | "fails later";

/** A promise of the pool's, and what became of it. */
export interface Asked {
  call: string;
  outcome: "pending" | "done" | Error;
}

const TICK = 100;

/** The real pool and its reloads over a fake clock, with processes that do what the test says. */
export class PoolModel {
  now = 1_000;
  readonly pool: WorkerPool;
  readonly reloads: Reloads;
  readonly events = new EventEmitter();
  /** Processes that have not ended. */
  processes: FakeWorker[] = [];
  readonly random: Random;
  forking: Forking = "works";
  /** How often a process was started. */
  forks = 0;
  readonly asked: Asked[] = [];
  readonly registry = new EventEmitter();
  #timers: { at: number; act: () => void }[] = [];
  #failing: FakeWorker[] = [];
  #lastPid = 0;

  constructor(random: Random, options: Parameters<typeof resolveManagerOptions>[0]) {
    this.random = random;
    const system: PoolSystem = {
      now: () => this.now,
      after: (ms, act) => {
        const timer = { at: this.now + ms, act };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((item) => item !== timer);
        };
      },
      fork: () => {
        if (this.forking === "throws") throw new Error("spawn ENOMEM");
        return {} as ReturnType<PoolSystem["fork"]>;
      },
    };
    const registry = Object.assign(this.registry, {
      register: (_: unknown, { generation }: { generation: number }) => this.#start(generation),
      prefer: () => {},
      setState: (handle: FakeWorker, state: WorkerState) => {
        if (handle.state === "dead") return;
        handle.stateBefore = handle.state;
        handle.state = state;
      },
    });
    const resolved = resolveManagerOptions(options);
    this.pool = new WorkerPool(
      registry as unknown as PoolRegistry,
      resolved,
      {
        managed: true,
        requiresAdoption: true,
        logPrefix: false,
        hangTimeout: resolved.hangTimeout,
        routing: undefined,
        maxQueue: MAX_QUEUE,
      },
      system,
    );
    this.reloads = new Reloads(this.pool, () => 0, this.events);
  }

  get ready(): FakeWorker[] {
    return this.processes.filter(({ state }) => state === "ready");
  }

  /** Timers that have not rung. */
  get timers(): number {
    return this.#timers.length;
  }

  scale(count: number): Asked {
    return this.#ask(`scale(${count})`, this.pool.scale(count));
  }

  reload(): Asked {
    return this.#ask("reload()", this.reloads.reload());
  }

  /** @param timeout ms */
  stop(timeout: number): Asked {
    this.pool.retire(timeout);
    return this.#ask("stop()", this.pool.end());
  }

  #ask(call: string, promise: Promise<unknown>): Asked {
    const asked: Asked = { call, outcome: "pending" };
    this.asked.push(asked);
    promise.then(
      () => {
        asked.outcome = "done";
      },
      (error: Error) => {
        asked.outcome = error;
      },
    );
    return asked;
  }

  /** Lets promises settle, and processes that could not be started say so. */
  async settle(): Promise<void> {
    for (const worker of this.#failing.splice(0)) this.exit(worker, null);
    await turn();
  }

  /** Lets time pass; whoever lives and is not silent sends its heartbeats. */
  advance(ms: number, silent: (worker: FakeWorker) => boolean = () => false): void {
    const end = this.now + ms;
    while (this.now < end) {
      this.now = Math.min(end, this.now + TICK);
      for (const worker of [...this.processes]) {
        if (worker.wasReady && !silent(worker)) this.heartbeat(worker);
      }
      for (;;) {
        const due = this.#timers.find(({ at }) => at <= this.now);
        if (due === undefined) break;
        this.#timers = this.#timers.filter((item) => item !== due);
        due.act();
      }
    }
  }

  becomeReady(worker: FakeWorker): void {
    if (worker.state !== "starting" || worker.pid === undefined) return;
    worker.isOurs = true;
    worker.state = "ready";
    worker.wasReady = true;
    this.heartbeat(worker);
    this.registry.emit("ready", worker);
  }

  heartbeat(worker: FakeWorker, rss = 1): void {
    const vitals = { type: "supervisor:heartbeat", eventLoopUtilization: 0, eventLoopDelay: 0 };
    this.registry.emit("message", worker, { ...vitals, rss });
  }

  exit(worker: FakeWorker, signal: string | null = "SIGKILL"): void {
    worker.state = "dead";
    this.registry.emit("gone", worker);
    this.processes = this.processes.filter((item) => item !== worker);
    const exit = { pid: worker.pid, exitCode: null, signal, stderr: "" };
    this.registry.emit("exit", worker as unknown as WorkerHandle, exit);
  }

  /** Whoever was killed or told to stop ends. */
  reap(): void {
    for (const worker of [...this.processes]) {
      if (worker.told.some((what) => what.startsWith("SIG") || what === "supervisor:stop")) {
        this.exit(worker);
      }
    }
  }

  #start(generation: number): FakeWorker {
    this.forks++;
    const fails = this.forking === "fails later";
    const worker: FakeWorker = {
      pid: fails ? undefined : ++this.#lastPid,
      generation,
      terms: { requiresAdoption: true },
      state: "starting",
      stateBefore: "starting",
      wasReady: false,
      startError: fails ? new Error("spawn EAGAIN") : undefined,
      isInspected: false,
      isOurs: false,
      told: [],
      send: ({ type }) => worker.told.push(type),
      signal: (signal) => worker.told.push(signal),
    };
    this.processes.push(worker);
    if (fails) this.#failing.push(worker);
    return worker;
  }
}
