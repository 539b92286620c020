import {
  RestartLimitError,
  type SupervisorError,
  WorkerBootError,
  type WorkerExit,
} from "../../errors.js";
import type { ResolvedManagerOptions } from "../../options/options.js";
import { type Backoff, NO_DEATHS, type RestartPolicy, recordDeath } from "../../policy/restart.js";
import type { Death, EndingEvents } from "./pool-events.js";
import type { PoolState } from "./pool-state.js";
import type { PoolWorker } from "./pool-worker.js";
import type { Slot } from "./slot.js";
import type { WorkerSteps } from "./worker-steps.js";

interface Emitter {
  emit<K extends keyof EndingEvents>(name: K, ...args: EndingEvents[K]): boolean;
}

/** Where an ending happened, or where a process could not be started. */
export interface Place {
  slot: Slot;
  isSuccessor: boolean;
  /** The pool's. */
  now: number;
}

/** When a worker could not be replaced for its memory's sake, how long until the next try (ms). */
const RECYCLE_PAUSE = 60_000;

/**
 * What follows when a worker ends that should have lived, or could not be started: when its slot is
 * filled again, and what is given up. A reload is given up when any worker of its generation does
 * not become ready; more workers, when one of the new ones does not.
 *
 * Each method returns what ends the pool, if that is so.
 */
export class Endings {
  readonly #state: PoolState;
  readonly #steps: Pick<WorkerSteps, "whyNotReady">;
  readonly #refork: boolean;
  readonly #backoff: Backoff;
  readonly #deaths: DeathRecord;
  readonly #events: Emitter;
  #forkFailures = 0;
  #cannotFork = false;

  constructor(
    state: PoolState,
    steps: Pick<WorkerSteps, "whyNotReady">,
    options: ResolvedManagerOptions,
    events: Emitter,
  ) {
    this.#state = state;
    this.#steps = steps;
    this.#refork = options.refork;
    this.#deaths = new DeathRecord(options);
    this.#backoff = {
      initial: options.backoffInitial,
      max: options.backoffMax,
      forgetAfter: options.backoffForgetAfter,
    };
    this.#events = events;
  }

  /** Deaths of workers that should have lived. */
  get deaths(): number {
    return this.#deaths.count;
  }

  get forkFailures(): number {
    return this.#forkFailures;
  }

  forked(): void {
    if (!this.#cannotFork) return;
    this.#cannotFork = false;
    this.#events.emit("forkWorks");
  }

  /**
   * A process could not be started. That says nothing about the application, so it is tried again for
   * as long as it takes; it is told once.
   */
  forkFailed(place: Place, generation: number, cause: Error): SupervisorError | undefined {
    this.#forkFailures++;
    const exit = { pid: undefined, exitCode: null, signal: null, stderr: "" };
    const error = new WorkerBootError(exit, `could not be started: ${cause.message}`, { cause });
    if (!place.isSuccessor) this.#fillIn(place, place.slot.forkFailed(this.#backoff));
    const isFirst = !this.#cannotFork;
    this.#cannotFork = true;
    const end = this.#abandon(place, generation, error);
    if (isFirst) this.#events.emit("bootFailed", error);
    return end;
  }

  /** A worker ended that should not have. */
  ended(place: Place, worker: PoolWorker, exit: WorkerExit): SupervisorError | undefined {
    const { handle, generation } = worker;
    if (handle.startError !== undefined) {
      return this.forkFailed(place, generation, handle.startError);
    }
    // Of those that are asked for just now, whoever asks is told; the others' failures count.
    const counts = handle.wasReady || (!place.isSuccessor && place.slot.hasServed);
    const death = { ...this.#died(place, worker, exit), counts };
    if (handle.wasReady) {
      const giveUp = this.#deaths.record(exit, place.now);
      this.#events.emit("died", death);
      return giveUp;
    }
    const error = new WorkerBootError(exit, this.#steps.whyNotReady(worker, exit));
    const giveUp = counts ? this.#deaths.record(exit, place.now) : undefined;
    const end = giveUp ?? this.#abandon(place, generation, error);
    this.#events.emit("died", death);
    this.#events.emit("bootFailed", error);
    return end;
  }

  #died(place: Place, worker: PoolWorker, exit: WorkerExit): Omit<Death, "counts"> {
    const { slot, isSuccessor, now } = place;
    const { handle } = worker;
    const lived = now - worker.startedAt;
    let replacedIn: number | undefined;
    if (!isSuccessor) {
      const isLast = handle.wasReady && this.#isLastToServe(slot);
      const wait = slot.died(lived, this.#backoff);
      // A wait spares the others; when none of several is left, it would only keep clients waiting.
      replacedIn = this.#fillIn(place, isLast ? 0 : wait);
    }
    if (slot.workers.length > 0) replacedIn = undefined;
    return { handle, number: slot.number, exit, wasReady: handle.wasReady, lived, replacedIn };
  }

  #fillIn({ slot, now }: Place, wait: number): number | undefined {
    slot.spawnAt = this.#refork ? now + wait : Number.POSITIVE_INFINITY;
    return this.#refork ? wait : undefined;
  }

  #isLastToServe(slot: Slot): boolean {
    const { slots } = this.#state;
    return slots.length > 1 && !slots.some((it) => it !== slot && it.worker !== undefined);
  }

  #abandon(
    { slot, isSuccessor, now }: Place,
    generation: number,
    error: SupervisorError,
  ): SupervisorError | undefined {
    const state = this.#state;
    if (isSuccessor && slot.worker !== undefined) {
      slot.worker.recycle = false;
      slot.worker.recycleNotBefore = now + RECYCLE_PAUSE;
    }
    if (state.isReloading && generation === state.generation) state.abandonGeneration(error);
    if (isSuccessor || slot.hasServed) return undefined;
    return state.abandonCount(error) ? undefined : error;
  }
}

/** How many exits the error over the restart limit remembers. */
const EXITS_KEPT = 5;

/** The deaths of workers that should have lived, and whether they are too many. */
class DeathRecord {
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
