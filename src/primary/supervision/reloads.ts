import { SupervisorError, type WorkerBootError } from "../../errors.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerPool } from "./worker-pool.js";

/** What a reload did. */
export interface ReloadReport {
  generation: number;
  /** Pids of the workers that left, and of those that took their place. */
  replaced: { old: number | undefined; new: number | undefined }[];
  /** ms */
  duration: number;
  /** Sessions that the old workers had when they began to drain. */
  sessionsMoved: number;
}

export interface ReloadEvents {
  /** A reload begins. */
  "reload:start": [{ generation: number; workers: number }];
  /** A new worker has taken the place of an old one, which drains now. */
  "reload:progress": [{ generation: number; replaced: number; workers: number }];
  /** All workers run new code, and the old ones have ended. */
  "reload:done": [ReloadReport];
  /** A new worker did not become ready, and the old ones stay; or the manager was stopped. */
  "reload:failed": [SupervisorError];
}

/** Where the events of reloads go. */
interface Emitter {
  emit<K extends keyof ReloadEvents>(name: K, ...args: ReloadEvents[K]): boolean;
}

/**
 * One reload at a time. Who asks during one gets the next, which is one however many ask: it begins
 * after they asked, so it loads the code that they mean.
 */
export class Reloads {
  readonly #pool: WorkerPool;
  readonly #countSessions: (handle: WorkerHandle) => number;
  readonly #events: Emitter;
  #current: Promise<ReloadReport> | undefined;
  #queued: Promise<ReloadReport> | undefined;

  constructor(pool: WorkerPool, countSessions: (handle: WorkerHandle) => number, events: Emitter) {
    this.#events = events;
    this.#pool = pool;
    this.#countSessions = countSessions;
  }

  /**
   * @throws WorkerBootError when a new worker does not become ready
   * @throws SupervisorError `ERR_SUPERVISOR_STATE` when the manager is stopped meanwhile
   */
  reload(): Promise<ReloadReport> {
    if (this.#current === undefined) return this.#begin();
    this.#queued ??= this.#current
      .catch(() => {}) // it is told to whoever asked for that one
      .then(() => {
        this.#queued = undefined;
        return this.#begin();
      });
    return this.#queued;
  }

  #begin(): Promise<ReloadReport> {
    const reload = this.#run().finally(() => {
      this.#current = undefined;
    });
    this.#current = reload;
    return reload;
  }

  async #run(): Promise<ReloadReport> {
    const pool = this.#pool;
    const start = performance.now();
    const replaced: ReloadReport["replaced"] = [];
    let sessionsMoved = 0;
    let finish: () => void = () => {};
    let fail: (error: SupervisorError) => void = () => {};
    const settled = new Promise<void>((resolve, reject) => {
      finish = resolve;
      fail = reject;
    });
    const onReplaced = (old: WorkerHandle, successor: WorkerHandle): void => {
      replaced.push({ old: old.pid, new: successor.pid });
      sessionsMoved += this.#countSessions(old);
      const { generation, count } = pool;
      this.#events.emit("reload:progress", {
        generation,
        replaced: replaced.length,
        workers: count,
      });
    };
    const onBootFailed = (error: WorkerBootError, { successor }: { successor: boolean }): void => {
      if (successor) fail(error);
    };
    const onHalted = (): void => fail(stopped("reload()"));
    pool.on("replaced", onReplaced).on("bootFailed", onBootFailed).on("halted", onHalted);
    try {
      const generation = pool.raiseGeneration();
      this.#events.emit("reload:start", { generation, workers: pool.count });
      pool.on("settled", finish);
      await settled;
      const duration = Math.round(performance.now() - start);
      const report = { generation, replaced, duration, sessionsMoved };
      this.#events.emit("reload:done", report);
      return report;
    } catch (error) {
      this.#events.emit("reload:failed", error as SupervisorError);
      throw error;
    } finally {
      pool.off("settled", finish).off("replaced", onReplaced);
      pool.off("bootFailed", onBootFailed).off("halted", onHalted);
    }
  }
}

/** For whoever waits for something that a stop has made impossible. */
export function stopped(call: string): SupervisorError {
  return new SupervisorError(
    "ERR_SUPERVISOR_STATE",
    `The manager was stopped before ${call} was done.`,
  );
}
