import type { Worker } from "node:cluster";
import type { Readable } from "node:stream";
import type { WorkerExit } from "../../errors.js";
import { MAX_QUEUE } from "../../limits.js";
import type { Routing } from "../../options/options.js";
import type { WorkerFacts } from "../../policy/reconcile.js";
import type { ToPrimary, ToWorker, WorkerVitals } from "../../protocol/messages.js";
import { type Outgoing, SendQueue } from "../../system/send-queue.js";
import { stderrRelay, stdoutRelay } from "../../system/std-streams.js";
import { LinePrefixer } from "./line-prefixer.js";

/**
 * - `starting`: forked, not ready
 * - `ready`: gets new sessions; in no other state does a worker get any
 * - `hung`: no heartbeat for 2 s
 * - `draining`: keeps its sessions for as long as it takes to move them
 * - `stopping`: it gets nothing new, and is told to end
 * - `dead`: it cannot be reached any more; its process has ended, or will
 */
export type WorkerState = WorkerFacts["state"];

/** How many lines of a worker's stderr are kept for the error that may follow. */
const STDERR_LINES = 20;
const STDERR_BYTES = 8 * 1024;

/** What whoever forks a worker says of it. */
export interface WorkerTerms {
  generation: number;
  /** The number of its slot, from 1; `undefined`: it has none. */
  slot: number | undefined;
  /** What it writes is passed on with that number before each line. */
  logPrefix: boolean;
  /** A manager starts and ends it, so it leaves the signals to that one. */
  managed: boolean;
  /** It has to adopt connections: that it listens, or says "ready", does not make it ready. */
  requiresAdoption: boolean;
  /** ms; told to it, so that it can say where it is stuck before it is killed. */
  hangTimeout: number;
  /** `undefined`: as the application's own servers have it. */
  routing: Routing | undefined;
  /** Bytes that may wait for it in this process (B2). */
  maxQueue: number;
}

/** Where its inspector listens, and how many handlers of SIGUSR1 its application has. */
export interface InspectorFacts {
  readonly url: string | null;
  readonly usr1Handlers: number;
}

/** Connections that wait for a worker in this process, and the bytes that were read of them. */
export interface WaitingHandoffs {
  readonly count: number;
  readonly bytes: number;
}

/** Of workers of plain `cluster.fork()`: nobody but a balancer waits for them. */
const PLAIN: WorkerTerms = {
  generation: 0,
  slot: undefined,
  logPrefix: false,
  managed: false,
  requiresAdoption: true,
  hangTimeout: 10_000,
  routing: undefined,
  maxQueue: MAX_QUEUE,
};

/**
 * The primary's view of one worker process: what it was told, and what it said. It is not the
 * worker's own code (src/worker), and it decides nothing. Who else has something to remember of a
 * worker (pool, placement) keeps records of its own: nobody writes its fields, and its verbs belong
 * to one each (the registry, but where it says otherwise).
 */
export class WorkerHandle {
  readonly worker: Worker;
  readonly terms: Readonly<WorkerTerms>;
  /** ms, monotonic. */
  readonly startedAt = performance.now();
  #state: WorkerState = "starting";
  #wasReady = false;
  #adopts = false;
  #startError: Error | undefined;
  #vitals: WorkerVitals | undefined;
  #isOurs = false;
  #hasPackage = false;
  #refusedPort: number | undefined;
  readonly #ports = new Set<number>();
  #gateway: string | null = null;
  #inspector: InspectorFacts = { url: null, usr1Handlers: 0 };
  #isOpeningInspector = false;
  readonly #handoffs = { count: 0, bytes: 0 };
  #arrivals = 0;
  /** Bytes that wait for it in other workers. */
  readonly #elsewhere = new Map<WorkerHandle, number>();
  /** Why it cannot stay, and what waited for it then. */
  #full: { why: string; queue: number } | undefined;
  readonly #messages: SendQueue;
  readonly #onSent: (handle: WorkerHandle) => void;
  #stderr = "";

  /** @param onSent is called when a message was sent that may have to wait */
  constructor(
    worker: Worker,
    terms: Partial<WorkerTerms> = {},
    onSent: (handle: WorkerHandle) => void = () => {},
  ) {
    this.worker = worker;
    this.terms = { ...PLAIN, ...terms };
    this.#onSent = onSent;
    this.#messages = new SendQueue((message, written) => worker.send(message, written));
    worker.process.stderr?.setEncoding("utf8").on("data", (text: string) => this.note(text));
    const { slot, logPrefix } = this.terms;
    const prefix = logPrefix ? `[${slot}] ` : undefined;
    passOn(worker.process.stderr, prefix, (text) => stderrRelay().write(text));
    // Else it has this process's own, or whoever forked it reads it.
    if (logPrefix) passOn(worker.process.stdout, prefix, (text) => stdoutRelay().write(text));
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** It was ready once. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  become(state: WorkerState): void {
    this.#state = state;
    if (state === "ready") this.#wasReady = true;
    if (state === "dead") this.#messages.clear();
  }

  /** It has shown that it takes connections over IPC. */
  get adopts(): boolean {
    return this.#adopts;
  }

  takesConnections(): void {
    this.#adopts = true;
  }

  /** Why its process could not be started. */
  get startError(): Error | undefined {
    return this.#startError;
  }

  didNotStart(error: Error): void {
    this.#startError = error;
  }

  /** How it was when it was last heard of. */
  get vitals(): WorkerVitals | undefined {
    return this.#vitals;
  }

  /** It runs our setupWorker(), so it understands more than `sticky:connection`. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** Its process has loaded this package. */
  get hasPackage(): boolean {
    return this.#hasPackage;
  }

  /** It was ended because it listens by itself, here, and takes no connections. */
  get refusedPort(): number | undefined {
    return this.#refusedPort;
  }

  /** It is ended because it listens on `port` by itself: for `watchSelfListening()`. */
  refuse(port: number): void {
    this.#refusedPort = port;
    this.signal("SIGKILL");
  }

  /** Ports that it opened by itself. */
  get ports(): ReadonlySet<number> {
    return this.#ports;
  }

  listensOn(port: number): void {
    this.#ports.add(port);
  }

  /** Path of its peer gateway. */
  get gateway(): string | null {
    return this.#gateway;
  }

  /** Its gateway is somewhere else now, or nowhere: for `Gateways`. */
  movedGateway(gateway: string | null): void {
    this.#gateway = gateway;
  }

  /** Takes note of what it says of itself. */
  heard(message: ToPrimary): void {
    switch (message.type) {
      case "supervisor:loaded":
        this.#hasPackage = true;
        break;
      case "supervisor:hello":
        this.#isOurs = true;
        break;
      case "supervisor:ready":
        this.#gateway = message.gateway;
        break;
      case "supervisor:heartbeat": {
        const { type: _, queues: __, ...vitals } = message;
        this.#vitals = vitals;
        break;
      }
      case "supervisor:inspector":
        this.#inspector = { url: message.url, usr1Handlers: message.usr1Handlers };
        break;
    }
  }

  get inspector(): InspectorFacts {
    return this.#inspector;
  }

  /** Its inspector is being opened: for `Inspections`. @param open gives the address */
  async openInspector(open: () => Promise<string>): Promise<string> {
    this.#isOpeningInspector = true;
    try {
      const url = await open();
      this.#inspector = { ...this.#inspector, url };
      return url;
    } finally {
      this.#isOpeningInspector = false;
    }
  }

  /** Its inspector is closed: for `Inspections`. */
  closedInspector(): void {
    this.#inspector = { ...this.#inspector, url: null };
  }

  get handoffs(): WaitingHandoffs {
    return this.#handoffs;
  }

  /** So many connections more, or fewer, wait for it: for `HandoffChannel`. */
  countHandoffs(count: number, bytes: number): void {
    this.#handoffs.count += count;
    this.#handoffs.bytes += bytes;
  }

  /** Connections that it has got. */
  get arrivals(): number {
    return this.#arrivals;
  }

  /** So many connections more have arrived there: for `HandoffChannel`. */
  tookHandoffs(count: number): void {
    this.#arrivals += count;
  }

  /** What a description of its end quotes, beside what it writes to stderr. */
  note(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-STDERR_BYTES);
  }

  get generation(): number {
    return this.terms.generation;
  }

  get pid(): number | undefined {
    return this.worker.process.pid;
  }

  /** A debugger may have stopped it: its silence does not say that it hangs. */
  get isInspected(): boolean {
    return this.#isOpeningInspector || this.#inspector.url !== null;
  }

  /** Bytes that wait for it: messages, here and in other workers, and what was read of connections. */
  get queue(): number {
    if (this.#full !== undefined) return this.#full.queue;
    let elsewhere = 0;
    for (const bytes of this.#elsewhere.values()) elsewhere += bytes;
    return this.#messages.bytes + this.#handoffs.bytes + elsewhere;
  }

  /** So many bytes wait for it in `other`: for `Membership`. */
  waitsIn(other: WorkerHandle, bytes: number): void {
    if (bytes > 0) this.#elsewhere.set(other, bytes);
    else this.#elsewhere.delete(other);
  }

  /** Bytes of messages that wait for it, but for the largest: see `SendQueue`. */
  get backlog(): number {
    return this.#messages.backlog;
  }

  /**
   * Never throws: a worker that cannot be reached is ending, and its exit is told apart.
   *
   * @param outgoing the same message, if it goes to several workers
   */
  send(message: ToWorker | object, outgoing?: Outgoing): void {
    if (!this.worker.isConnected() || this.#full !== undefined) return;
    this.#messages.send(message, outgoing);
    this.#onSent(this);
  }

  /** More waits for it than may: nothing more is sent to it. @param why as "does not read…" */
  close(why: string): void {
    this.#full ??= { why, queue: this.queue };
    this.#messages.clear();
  }

  /** Why nothing more is sent to it; `undefined`: it is. */
  get closedFor(): string | undefined {
    return this.#full?.why;
  }

  /** Ends the process. Unlike `worker.kill()`, which waits for a disconnect first. */
  signal(signal: NodeJS.Signals): void {
    this.worker.process.kill(signal);
  }

  describeExit(exitCode: number | null, signal: string | null): WorkerExit {
    const stderr = this.#stderr.trimEnd().split("\n").slice(-STDERR_LINES).join("\n");
    return { pid: this.pid, exitCode, signal, stderr };
  }
}

/** @param prefix of each line; `undefined`: text is passed on as it comes */
function passOn(
  stream: Readable | null | undefined,
  prefix: string | undefined,
  write: (text: string) => void,
): void {
  stream?.setEncoding("utf8");
  if (prefix === undefined) {
    stream?.on("data", write);
    return;
  }
  const lines = new LinePrefixer(prefix, write);
  stream?.on("data", (text: string) => lines.push(text));
  stream?.once("end", () => lines.end());
}
