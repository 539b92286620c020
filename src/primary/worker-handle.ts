import type { Worker } from "node:cluster";
import type { WorkerExit } from "../errors.js";
import { Reservations } from "../policy/balance.js";
import type { ToWorker } from "../protocol.js";

/**
 * - `starting`: forked, not ready
 * - `ready`: gets new sessions
 * - `cordoned`: keeps its sessions, gets no new ones
 * - `stopping`: told to end
 * - `dead`: its channel or its process is gone
 */
export type WorkerState = "starting" | "ready" | "cordoned" | "stopping" | "dead";

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
  /** It runs our setupWorker(), so it understands more than `sticky:connection`. */
  isOurs = false;
  /** Path of its peer gateway. */
  gateway: string | null = null;
  /** When it last got a new session / an application's request: grows with every pick. */
  lastPicked = { session: 0, request: 0 };
  #stderr = "";

  constructor(worker: Worker, generation = 0) {
    this.worker = worker;
    this.generation = generation;
    worker.process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_BYTES);
      process.stderr.write(text);
    });
  }

  get pid(): number | undefined {
    return this.worker.process.pid;
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
