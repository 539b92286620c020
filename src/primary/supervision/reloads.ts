import { debug, reloadSteps } from "../../diagnostics.js";
import type { SupervisorError } from "../../errors.js";
import type { ReloadEvents, ReloadReport } from "../../manager-contract.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerPool } from "./worker-pool.js";

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
   * @throws RestartLimitError when workers die too often meanwhile
   * @throws SupervisorError `ERR_SUPERVISOR_STATE` when the manager is stopped meanwhile
   */
  reload(): Promise<ReloadReport> {
    if (this.#queued !== undefined) return this.#queued;
    if (this.#current === undefined) return this.#begin();
    this.#queued = this.#current
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
    const onReplaced = (old: WorkerHandle, successor: WorkerHandle): void => {
      replaced.push({ old: old.pid, new: successor.pid });
      sessionsMoved += this.#countSessions(old);
      const { generation, count: workers } = pool;
      this.#events.emit("reload:progress", { generation, replaced: replaced.length, workers });
      tellStep("progress", generation, replaced.length);
    };
    pool.on("replaced", onReplaced);
    try {
      const { generation, done } = pool.reload();
      this.#events.emit("reload:start", { generation, workers: pool.count });
      tellStep("start", generation, 0);
      await done;
      const duration = Math.round(performance.now() - start);
      const report = { generation, replaced, duration, sessionsMoved };
      this.#events.emit("reload:done", report);
      tellStep("done", generation, replaced.length);
      return report;
    } catch (error) {
      this.#events.emit("reload:failed", error as SupervisorError);
      tellStep("failed", undefined, replaced.length, error as Error);
      throw error;
    } finally {
      pool.off("replaced", onReplaced);
    }
  }
}

function tellStep(
  step: "start" | "progress" | "done" | "failed",
  generation: number | undefined,
  replaced: number,
  error?: Error,
): void {
  debug("reload %s: %d replaced", step, replaced);
  if (reloadSteps.isHeard) reloadSteps.tell({ step, generation, replaced, error });
}
