import { EventEmitter } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import type { Test } from "tap";
import { Leases } from "../../src/primary/jobs/leases.js";
import type { WorkerHandle, WorkerState } from "../../src/primary/workers/worker-handle.js";
import type { ToPrimary, ToWorker } from "../../src/protocol/messages.js";
import { Job } from "../../src/worker/jobs/job.js";
import { ClusterLeases } from "../../src/worker/jobs/job-leases.js";
import { OpenWork } from "../../src/worker/jobs/open-work.js";
import type { PrimaryChannel } from "../../src/worker/primary-channel.js";

const silent = { info() {}, warn() {}, error() {} };

/** A worker process in memory: the real jobs, over an IPC channel that is two queues. */
export class ModelWorker extends EventEmitter {
  state: WorkerState = "starting";
  generation = 0;
  readonly startedAt: number;
  readonly toPrimary: ToPrimary[] = [];
  readonly toWorker: ToWorker[] = [];
  readonly leases: ClusterLeases;
  readonly work = new OpenWork();
  job: Job | undefined;
  /** What its function is doing; `undefined`: it does not run. */
  running: { signal: AbortSignal; settle(error?: Error): void } | undefined;
  /** How often its function was called. */
  calls = 0;

  constructor(startedAt: number, generation: number) {
    super();
    this.startedAt = startedAt;
    this.generation = generation;
    const send = (message: ToPrimary) => void this.toPrimary.push(message);
    this.leases = new ClusterLeases(Object.assign(this, { send }) as unknown as PrimaryChannel);
  }

  /** `runOnce()`: its function ends when the test says so. */
  ask(name: string): void {
    const job = new Job(
      name,
      ({ signal }) => {
        this.calls++;
        return new Promise<void>((resolve, reject) => {
          const settle = (error?: Error) => {
            this.running = undefined;
            if (error) reject(error);
            else resolve();
          };
          this.running = { signal, settle };
        });
      },
      silent,
      (outcome) => this.leases.over(job, outcome),
      this.work,
    );
    this.job = job;
    this.leases.ask(job);
  }
}

/** The real `Leases` over a fake clock, with workers in memory, until the test ends. */
export class LeaseModel {
  now = 1_000;
  workers: ModelWorker[] = [];
  readonly leases: Leases;
  readonly #registry = new EventEmitter();
  #timers: { at: number; act: () => void }[] = [];
  readonly #handles = new Map<ModelWorker, WorkerHandle>();

  constructor(t: Test) {
    // What a worker waits for ends with its channel.
    t.teardown(() => {
      for (const worker of this.#handles.keys()) worker.emit("disconnect");
    });
    const clock = {
      now: () => this.now,
      after: (ms: number, act: () => void) => {
        const timer = { at: this.now + ms, act };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((item) => item !== timer);
        };
      },
    };
    this.leases = new Leases(this.#registry as never, clock);
  }

  /** Those whose function runs. */
  get atWork(): ModelWorker[] {
    return this.workers.filter(({ running }) => running !== undefined);
  }

  spawn(generation = 0): ModelWorker {
    const worker = new ModelWorker(this.now, generation);
    const handle = {
      get state() {
        return worker.state;
      },
      generation,
      startedAt: worker.startedAt,
      send: (message: ToWorker) => worker.toWorker.push(message),
    };
    this.#handles.set(worker, handle as unknown as WorkerHandle);
    this.workers.push(worker);
    return worker;
  }

  setState(worker: ModelWorker, state: WorkerState): void {
    worker.state = state;
    if (state === "draining") worker.toWorker.push({ type: "supervisor:drain", timeout: 1 });
    this.#registry.emit("state", this.#handle(worker));
  }

  /** Its process ends, with whatever it did; what it had sent may arrive or not. */
  exit(worker: ModelWorker): void {
    this.workers = this.workers.filter((item) => item !== worker);
    worker.state = "dead";
    this.#registry.emit("state", this.#handle(worker));
    this.#registry.emit("exit", this.#handle(worker));
  }

  /** Hands over the next message of one direction. @returns whether there was one */
  async deliver(worker: ModelWorker, direction: "toPrimary" | "toWorker"): Promise<boolean> {
    const message = worker[direction].shift();
    if (message === undefined) return false;
    if (direction === "toPrimary") this.#registry.emit("message", this.#handle(worker), message);
    else worker.emit(message.type, message);
    await turn(); // promises of the jobs
    return true;
  }

  /** Until nothing is under way. */
  async deliverAll(): Promise<void> {
    for (let moved = true; moved; ) {
      moved = false;
      for (const worker of [...this.workers]) {
        if (await this.deliver(worker, "toPrimary")) moved = true;
        if (await this.deliver(worker, "toWorker")) moved = true;
      }
    }
  }

  advance(ms: number): void {
    this.now += ms;
    for (;;) {
      const due = this.#timers.find(({ at }) => at <= this.now);
      if (due === undefined) return;
      this.#timers = this.#timers.filter((item) => item !== due);
      due.act();
    }
  }

  #handle(worker: ModelWorker): WorkerHandle {
    const handle = this.#handles.get(worker);
    if (handle === undefined) throw new Error("not a worker of this model");
    return handle;
  }
}
