import type { Worker } from "node:cluster";
import type { WorkerExit } from "../../errors.js";
import { Reservations } from "../../policy/balance.js";
import type { WorkerFacts } from "../../policy/reconcile.js";
import type { ToWorker, WorkerVitals } from "../../protocol.js";

/**
 * - `starting`: forked, not ready
 * - `ready`: gets new sessions; in no other state does a worker get any
 * - `hung`: no heartbeat for 2 s
 * - `draining`: keeps its sessions for as long as it takes to move them
 * - `stopping`: told to end
 * - `dead`: it cannot be reached any more; its process has ended, or will
 */
export type WorkerState = WorkerFacts["state"];

/** How many lines of a worker's stderr are kept for the error that may follow. */
const STDERR_LINES = 20;
const STDERR_BYTES = 8 * 1024;

/**
 * The primary's view of one worker process: what it was told, and what it said. It is not the
 * worker's own code (src/worker), and it decides nothing.
 */
export class WorkerHandle {
  readonly worker: Worker;
  readonly generation: number;
  /** ms, monotonic. */
  readonly startedAt = performance.now();
  readonly reservations = new Reservations();
  state: WorkerState = "starting";
  wasReady = false;
  /** Deaths in its slot before it was started. */
  restarts = 0;
  /** Has to be replaced, whatever its generation. */
  recycle = false;
  /** ms, monotonic: a replacement has failed, and is not tried again before. */
  recycleNotBefore = 0;
  /** See `WorkerFacts`. */
  deadline = Number.POSITIVE_INFINITY;
  /** When it was last heard of (ms, monotonic), and how it was. */
  lastHeartbeat: number | undefined;
  vitals: WorkerVitals | undefined;
  /** It runs our setupWorker(), so it understands more than `sticky:connection`. */
  isOurs = false;
  /** Ports that it opened by itself. */
  readonly ports = new Set<number>();
  /** Path of its peer gateway. */
  gateway: string | null = null;
  /** Where its inspector listens, and how many handlers of SIGUSR1 its application has. */
  inspector: { url: string | null; usr1Handlers: number } = { url: null, usr1Handlers: 0 };
  /** Its inspector is being opened. */
  isOpeningInspector = false;
  /** When it last got a new session / an application's request: grows with every pick. */
  lastPicked = { session: 0, request: 0 };
  #stderr = "";

  constructor(worker: Worker, generation = 0) {
    this.worker = worker;
    this.generation = generation;
    worker.process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.note(text);
      process.stderr.write(text);
    });
  }

  /** What a description of its end quotes, beside what it writes to stderr. */
  note(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-STDERR_BYTES);
  }

  get pid(): number | undefined {
    return this.worker.process.pid;
  }

  /** A debugger may have stopped it: its silence does not say that it hangs. */
  get isInspected(): boolean {
    return this.isOpeningInspector || this.inspector.url !== null;
  }

  /** Never throws: a worker that cannot be reached is ending, and its exit is told apart. */
  send(message: ToWorker | object): void {
    if (this.worker.isConnected()) this.worker.send(message, () => {});
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
