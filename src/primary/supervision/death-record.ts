import { RestartLimitError, type WorkerExit } from "../../errors.js";
import { NO_DEATHS, type RestartPolicy, recordDeath } from "../../policy/restart.js";

/** How many exits the error over the restart limit remembers. */
const EXITS_KEPT = 5;

/** The deaths of workers that should have lived, and whether they are too many. */
export class DeathRecord {
  readonly #policy: RestartPolicy;
  #window = NO_DEATHS;
  #exits: WorkerExit[] = [];
  #count = 0;

  constructor({ limit, duration }: RestartPolicy) {
    this.#policy = { limit, duration };
  }

  /** Since the start. */
  get count(): number {
    return this.#count;
  }

  /** @returns the error to give up with, when it was one too many */
  record(exit: WorkerExit, now: number): RestartLimitError | undefined {
    this.#count++;
    this.#exits = [...this.#exits, exit].slice(-EXITS_KEPT);
    const { window, giveUp } = recordDeath(this.#window, now, this.#policy);
    this.#window = window;
    if (!giveUp) return undefined;
    return new RestartLimitError(this.#policy.limit, this.#policy.duration, this.#exits);
  }
}
