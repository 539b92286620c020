import { once } from "node:events";
import { errorText, type Logger } from "../../options/checks.js";
import type { LeaseOutcome } from "../../protocol/messages.js";
import type { OpenWork } from "./open-work.js";

/** What the function of `runOnce()` is called with. */
export interface RunOnceContext {
  name: string;
  /** Aborts when this worker has to let go: it is leaving, or `stop()` or `release()` was called. */
  signal: AbortSignal;
}

/** Ends what the function of `runOnce()` has begun. */
type CleanUp = () => unknown;

/**
 * What `runOnce()` runs in one worker. It may return, or resolve to, a function that ends what it
 * has begun; anything else that it returns has no meaning.
 */
export type RunOnceFunction = (context: RunOnceContext) => unknown;

/** One call of `runOnce()`: this worker's part in a job that one worker has. */
export interface RunOnceJob extends AsyncDisposable {
  readonly name: string;
  /** Whether this worker has the job now: from the call of the function until all of it has ended. */
  readonly leading: boolean;
  /**
   * Hands the job on: lets go of it if this worker has it, and stays in line behind the others.
   *
   * @returns when all of it has ended here. So do not await it in the function itself.
   */
  release(): Promise<void>;
  /**
   * Takes no more part: lets go of the job if this worker has it, and does not get it again.
   *
   * @returns when all of it has ended here. So do not await it in the function itself.
   */
  stop(): Promise<void>;
}

/** Runs one function whenever this worker is given the job, and says when it has let go of it. */
export class Job implements RunOnceJob {
  readonly name: string;
  readonly #fn: RunOnceFunction;
  readonly #logger: Logger;
  readonly #over: (outcome: LeaseOutcome) => void;
  readonly #work: OpenWork;
  #lead: { controller: AbortController; ended: Promise<void> } | undefined;
  #stopped = false;

  /**
   * @param over is called when a lead has ended, and when it ends before there was one
   * @param work of the process, which a lead is a part of
   */
  constructor(
    name: string,
    fn: RunOnceFunction,
    logger: Logger,
    over: (outcome: LeaseOutcome) => void,
    work: OpenWork,
  ) {
    this.name = name;
    this.#fn = fn;
    this.#logger = logger;
    this.#over = over;
    this.#work = work;
  }

  get leading(): boolean {
    return this.#lead !== undefined;
  }

  /** The job is this worker's now. */
  begin(): void {
    if (this.#stopped || this.#lead !== undefined) return; // whoever gave it has been told
    const controller = new AbortController();
    const closeWork = this.#work.begin();
    // Set before the function is called: it may look at `leading`, or stop the job at once.
    let finish = (): void => {};
    const ended = new Promise<void>((resolve) => {
      finish = resolve;
    });
    this.#lead = { controller, ended };
    const over = (outcome: LeaseOutcome): void => {
      this.#lead = undefined;
      this.#over(this.#stopped ? "withdrawn" : outcome);
      closeWork();
      finish();
    };
    this.#run(controller)
      .then(over)
      .catch((error: Error) => process.emitWarning(error));
  }

  async release(): Promise<void> {
    this.#lead?.controller.abort();
    await this.#lead?.ended;
  }

  async stop(): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      if (this.#lead === undefined) this.#over("withdrawn");
    }
    await this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(controller: AbortController): Promise<LeaseOutcome> {
    const { signal } = controller;
    try {
      const cleanUp = await this.#fn({ name: this.name, signal });
      if (!signal.aborted) await once(signal, "abort");
      if (typeof cleanUp === "function") await (cleanUp as CleanUp)();
      return "released";
    } catch (error) {
      const failed = !signal.aborted;
      // What it began before it failed may look at the signal.
      if (failed) controller.abort();
      if (failed || !isAbortError(error)) {
        const what = failed ? "failed" : "failed while it was ending";
        this.#logger.error(
          `[socket-supervisor] the job "${this.name}" ${what}: ${errorText(error)}`,
        );
      }
      return failed ? "failed" : "released";
    }
  }
}

/** What `signal` makes of Node's own calls that take one. */
function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
