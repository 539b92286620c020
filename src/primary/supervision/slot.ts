import type { SlotFacts } from "../../policy/reconcile.js";
import { type Backoff, failuresInARow, restartDelay } from "../../policy/restart.js";
import type { PoolWorker } from "./pool-worker.js";

/** A place for one serving worker; see policy/reconcile.ts. */
export class Slot implements SlotFacts<PoolWorker> {
  /** From 1. */
  readonly number: number;
  worker: PoolWorker | undefined;
  successor: PoolWorker | undefined;
  spawnAt = 0;
  /** A worker of it has been ready since it was asked for. */
  hasServed = false;
  /** Deaths of its workers, and of them in a row. */
  deaths = 0;
  #failures = 0;

  constructor(number: number) {
    this.number = number;
  }

  get workers(): PoolWorker[] {
    return [this.worker, this.successor].filter((worker) => worker !== undefined);
  }

  /** Nothing fills it. */
  get isVacant(): boolean {
    return this.workers.length === 0 && this.spawnAt === Number.POSITIVE_INFINITY;
  }

  /** Somebody wants it filled, and wants to know whether that worked. */
  askAgain(): void {
    this.spawnAt = 0;
    this.hasServed = false;
  }

  remove(worker: PoolWorker): void {
    if (this.worker === worker) this.worker = undefined;
    if (this.successor === worker) this.successor = undefined;
  }

  /**
   * Its worker has died.
   *
   * @param lived ms
   * @returns ms until the next one, as far as the backoff goes
   */
  died(lived: number, backoff: Backoff): number {
    this.deaths++;
    this.#failures = failuresInARow(this.#failures, lived, backoff);
    return restartDelay(this.#failures, backoff);
  }

  /** A worker could not be started. There is always a wait: what is missing is not there at once. */
  forkFailed(backoff: Backoff): number {
    this.#failures++;
    return Math.max(1, restartDelay(Math.max(2, this.#failures), backoff));
  }
}
