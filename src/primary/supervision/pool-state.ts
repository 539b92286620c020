import type { SupervisorError } from "../../errors.js";
import { type LeavingTime, leavingTime } from "../../policy/drain.js";
import { type Facts, isOutdated } from "../../policy/reconcile.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import { PoolWaits } from "./pool-waits.js";
import type { PoolWorker } from "./pool-worker.js";
import { Slot } from "./slot.js";

/** What is wanted of a pool, what it has, and what it goes back to when that cannot be had. */
export class PoolState implements Facts<PoolWorker> {
  readonly waits: PoolWaits;
  #slots: Slot[] = [];
  #leaving: PoolWorker[] = [];
  #count = 0;
  /** The last number of workers that were all ready. */
  #goodCount = 0;
  #generation = 0;
  #lastGeneration = 0;
  /** The last generation that a reload completed. */
  #goodGeneration = 0;

  readonly concurrency: number;
  /** ms, monotonic: when the last reload has to be done. */
  #reloadEndsAt = Number.POSITIVE_INFINITY;

  /**
   * @param stallTimeout see `PoolWaits`
   * @param concurrency workers that a reload replaces at a time
   */
  constructor(stallTimeout: number, concurrency = 1) {
    this.waits = new PoolWaits(stallTimeout);
    this.concurrency = concurrency;
  }

  get slots(): readonly Slot[] {
    return this.#slots;
  }

  get leaving(): readonly PoolWorker[] {
    return this.#leaving;
  }

  get count(): number {
    return this.#count;
  }

  get generation(): number {
    return this.#generation;
  }

  /** A reload is under way. */
  get isReloading(): boolean {
    return this.#generation !== this.#goodGeneration;
  }

  workers(): PoolWorker[] {
    return [...this.#slots.flatMap(({ workers }) => workers), ...this.#leaving];
  }

  find(handle: WorkerHandle): PoolWorker | undefined {
    return this.workers().find((worker) => worker.handle === handle);
  }

  slotOf(worker: PoolWorker): Slot | undefined {
    return this.#slots.find(({ workers }) => workers.includes(worker));
  }

  /** It has become ready. */
  served(worker: PoolWorker): void {
    const slot = this.slotOf(worker);
    if (slot !== undefined) slot.hasServed = true;
  }

  /** The pool has as many slots from now on. Workers of those that go leave. */
  resize(count: number): void {
    this.#count = count;
    this.#goodCount = Math.min(this.#goodCount, count);
    while (this.#slots.length < count) {
      this.#slots.push(new Slot(this.#slots.length + 1));
    }
    this.#leaving.push(...this.#slots.splice(count).flatMap(({ workers }) => workers));
  }

  /** Wants workers with new code. @param endsAt ms, monotonic */
  raiseGeneration(endsAt = Number.POSITIVE_INFINITY): void {
    this.#generation = ++this.#lastGeneration;
    this.#reloadEndsAt = endsAt;
  }

  /** What a worker that is replaced may take, of what the options say. */
  leavingTime(most: LeavingTime, now: number): LeavingTime {
    if (!this.isReloading || this.#reloadEndsAt === Number.POSITIVE_INFINITY) return most;
    const old = this.#slots.filter(({ worker }) => worker && isOutdated(worker, this.#generation));
    return leavingTime(most, {
      left: this.#reloadEndsAt - now,
      outdated: old.length + 1,
      concurrency: this.concurrency,
    });
  }

  /** The successor takes the slot, if there is one; the worker, if there is one, leaves. */
  promote(slot: Slot): void {
    if (slot.worker !== undefined) this.#leaving.push(slot.worker);
    slot.worker = slot.successor;
    slot.successor = undefined;
  }

  withdraw(slot: Slot): void {
    if (slot.successor !== undefined) this.#leaving.push(slot.successor);
    slot.successor = undefined;
  }

  /** It has ended. */
  remove(worker: PoolWorker): void {
    this.slotOf(worker)?.remove(worker);
    this.#leaving = this.#leaving.filter((item) => item !== worker);
  }

  /** All that is wanted is there. */
  settle(): void {
    this.#goodGeneration = this.#generation;
    this.#goodCount = this.#slots.length;
    this.waits.settled();
  }

  /** The old workers are wanted again. */
  abandonGeneration(error: SupervisorError): void {
    this.#generation = this.#goodGeneration;
    this.waits.abandon("generation", error);
  }

  /** @returns whether there is a count to go back to */
  abandonCount(error: SupervisorError): boolean {
    this.waits.abandon("count", error);
    if (this.#goodCount === 0) return false;
    this.resize(this.#goodCount);
    return true;
  }

  /** Nobody is wanted any more; the count stays what it was. */
  retire(reason: SupervisorError | undefined): void {
    this.#leaving.push(...this.#slots.flatMap(({ workers }) => workers));
    this.#slots = [];
    this.waits.retired(reason);
  }
}
