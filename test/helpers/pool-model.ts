import { EventEmitter } from "node:events";
import { resolveManagerOptions } from "../../src/options.js";
import type { PoolRegistry, PoolSystem } from "../../src/primary/supervision/pool-system.js";
import { WorkerPool } from "../../src/primary/supervision/worker-pool.js";
import type { WorkerHandle, WorkerState } from "../../src/primary/workers/worker-handle.js";
import type { Random } from "./random.js";

/** A worker that is only a record, as far as the pool looks at it. */
export interface FakeWorker {
  pid: number;
  generation: number;
  startedAt: number;
  state: WorkerState;
  wasReady: boolean;
  recycle: boolean;
  isInspected: boolean;
  recycleNotBefore: number;
  deadline: number;
  isOurs: boolean;
  lastHeartbeat: number | undefined;
  /** What it was told: message types and signals. */
  told: string[];
  send(message: { type: string }): void;
  signal(signal: string): void;
}

const TICK = 100;

/** The real WorkerPool over a fake clock, with processes that do what the test says. */
export class PoolModel {
  now = 1_000;
  readonly pool: WorkerPool;
  /** Processes that have not ended. */
  processes: FakeWorker[] = [];
  /** Ended by the pool's SIGKILL, SIGTERM or stop: their exit is to come. */
  readonly random: Random;
  #timers: { at: number; act: () => void }[] = [];
  readonly #registry = new EventEmitter();
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
      fork: () => ({}) as ReturnType<PoolSystem["fork"]>,
    };
    const registry = Object.assign(this.#registry, {
      requiresAdoption: true,
      register: (_: unknown, generation: number) => this.#start(generation),
      setState: (handle: FakeWorker, state: WorkerState) => {
        if (handle.state !== "dead") handle.state = state;
      },
    });
    this.pool = new WorkerPool(
      registry as unknown as PoolRegistry,
      resolveManagerOptions(options),
      system,
    );
  }

  get ready(): FakeWorker[] {
    return this.processes.filter(({ state }) => state === "ready");
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
    if (worker.state !== "starting") return;
    worker.isOurs = true;
    worker.state = "ready";
    worker.wasReady = true;
    worker.lastHeartbeat = this.now;
    this.#registry.emit("ready", worker);
  }

  heartbeat(worker: FakeWorker, rss = 1): void {
    const vitals = { type: "supervisor:heartbeat", eventLoopUtilization: 0, eventLoopDelay: 0 };
    this.#registry.emit("message", worker, { ...vitals, rss });
  }

  exit(worker: FakeWorker, signal: string | null = "SIGKILL"): void {
    worker.state = "dead";
    this.#registry.emit("gone", worker);
    this.processes = this.processes.filter((item) => item !== worker);
    const exit = { pid: worker.pid, exitCode: null, signal, stderr: "" };
    this.#registry.emit("exit", worker as unknown as WorkerHandle, exit);
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
    const worker: FakeWorker = {
      pid: ++this.#lastPid,
      generation,
      startedAt: this.now,
      state: "starting",
      wasReady: false,
      recycle: false,
      isInspected: false,
      recycleNotBefore: 0,
      deadline: Number.POSITIVE_INFINITY,
      isOurs: false,
      lastHeartbeat: undefined,
      told: [],
      send: ({ type }) => worker.told.push(type),
      signal: (signal) => worker.told.push(signal),
    };
    this.processes.push(worker);
    return worker;
  }
}
