import type { Worker } from "node:cluster";
import { EventEmitter } from "node:events";
import { RestartLimitError, SupervisorError, type WorkerExit } from "../../errors.js";
import type { ResolvedManagerOptions } from "../../options/options.js";
import { type Action, isSettled, plan } from "../../policy/reconcile.js";
import type { ToPrimary } from "../../protocol/messages.js";
import type { WorkerHandle, WorkerTerms } from "../workers/worker-handle.js";
import { Endings } from "./endings.js";
import { Liveness } from "./liveness.js";
import type { PoolEvents } from "./pool-events.js";
import { PoolState } from "./pool-state.js";
import { type PoolRegistry, type PoolSystem, realSystem } from "./pool-system.js";
import { stopped, type Wanted } from "./pool-waits.js";
import { PoolWorker } from "./pool-worker.js";
import { ReconcileLoop } from "./reconcile-loop.js";
import type { Slot } from "./slot.js";
import { stallTimeout, WorkerSteps } from "./worker-steps.js";

/** What all workers of a pool are told and asked for. */
export type PoolTerms = Omit<WorkerTerms, "generation" | "slot">;

/**
 * Keeps one worker alive in each slot: the reconcile loop.
 *
 * Handlers record what happened and run the loop, which alone starts and ends processes, as
 * the pure `plan` says. A pool that retires has no slots any more, and gets none.
 */
export class WorkerPool extends EventEmitter<PoolEvents> {
  readonly #registry: PoolRegistry;
  readonly #system: PoolSystem;
  readonly #options: ResolvedManagerOptions;
  readonly #terms: PoolTerms;
  readonly #steps: WorkerSteps;
  readonly #liveness: Liveness;
  readonly #loop: ReconcileLoop;
  readonly #state: PoolState;
  readonly #endings: Endings;
  /** ms, monotonic; set when nobody is wanted any more: whoever is left is killed then. */
  #endAt: number | undefined;
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => {};

  constructor(
    registry: PoolRegistry,
    options: ResolvedManagerOptions,
    terms: PoolTerms,
    system: PoolSystem = realSystem(options),
  ) {
    super();
    this.#system = system;
    this.#state = new PoolState(stallTimeout(options));
    this.#steps = new WorkerSteps(registry, options, system);
    this.#liveness = new Liveness(registry, options);
    this.#registry = registry;
    this.#options = options;
    this.#terms = terms;
    this.#endings = new Endings(this.#state, this.#steps, options, this);
    this.#loop = new ReconcileLoop(
      system,
      () => this.#takeSteps(),
      (late) => this.#liveness.wasAway(this.#state.workers(), late),
    );
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    registry.on("ready", this.#onReady);
    registry.on("gone", this.#onGone);
    registry.on("exit", this.#onExit);
    registry.on("message", this.#onMessage);
    registry.on("overflow", this.#onOverflow);
  }

  get generation(): number {
    return this.#state.generation;
  }

  /** Deaths of workers that should have lived. */
  get restarts(): number {
    return this.#endings.deaths;
  }

  /** How often a process could not be started. */
  get forkFailures(): number {
    return this.#endings.forkFailures;
  }

  /** How many workers were wanted last; a stop does not change it. */
  get count(): number {
    return this.#state.count;
  }

  /** All workers whose processes have not ended. */
  handles(): WorkerHandle[] {
    return this.#state.workers().map(({ handle }) => handle);
  }

  /** Deaths in the slot of `handle` before it was started. */
  restartsBefore(handle: WorkerHandle): number {
    return this.#state.find(handle)?.restarts ?? 0;
  }

  /**
   * Wants `count` workers from now on; those that are too many drain and leave.
   *
   * @returns when that is so; it rejects with a WorkerBootError when one of the new ones does not
   *   become ready, and the count goes back. The first ones have none to go back to: the pool retires.
   */
  async scale(count: number, call = "scale()"): Promise<void> {
    const done = this.#ask("count", call);
    this.#state.resize(count);
    // Who asks for so many workers wants those as well that were not to be replaced.
    for (const slot of this.#state.slots) if (slot.isVacant) slot.askAgain();
    this.#loop.run();
    await done;
  }

  /**
   * Wants workers with new code.
   *
   * @returns the generation that they will have; `done` rejects when one of them does not become
   *   ready, and the old ones stay
   * @throws SupervisorError `ERR_SUPERVISOR_STATE` when nobody is wanted any more
   */
  reload(call = "reload()"): { generation: number; done: Promise<void> } {
    const done = this.#ask("generation", call);
    this.#state.raiseGeneration();
    const { generation, slots } = this.#state;
    // Who asks for new workers wants the missing ones as well, and now.
    for (const slot of slots) slot.spawnAt = 0;
    this.#loop.run();
    return { generation, done };
  }

  /**
   * Wants nobody any more: no process is started. The workers get nothing new, and whoever is left
   * after `timeout` (ms) is killed; `end()` tells them. Called again it can only shorten the time.
   *
   * @param reason what those are told who wait for the pool
   */
  retire(timeout: number, reason?: SupervisorError): void {
    const endAt = this.#system.now() + timeout;
    this.#endAt = Math.min(this.#endAt ?? endAt, endAt);
    this.#state.retire(reason);
    for (const worker of this.#state.leaving) this.#steps.retire(worker, this.#endAt);
    this.#loop.run();
  }

  /** Asks those that retire to end. @returns when none is left */
  end(): Promise<void> {
    for (const worker of this.#state.leaving) this.#steps.tell(worker);
    return this.#ended;
  }

  /** A debugger that may have stopped it is gone: it gets the time for a heartbeat. */
  released(handle: WorkerHandle): void {
    const worker = this.#state.find(handle);
    if (worker === undefined) return;
    this.#liveness.released(worker, this.#system.now());
    this.#loop.run();
  }

  #ask(wanted: Wanted, call: string): Promise<void> {
    if (this.#endAt !== undefined) throw stopped(call);
    return this.#state.waits.add(wanted, call, this.#system.now());
  }

  /** @returns when to look again though nothing happens (ms, monotonic) */
  #takeSteps(): number {
    const state = this.#state;
    let next = plan(state, this.#system.now());
    while (next.actions[0] !== undefined) {
      this.#act(next.actions[0]);
      next = plan(state, this.#system.now());
    }
    this.#registry.prefer(state.generation);
    if (this.#endAt !== undefined) {
      if (state.leaving.length === 0) this.#dispose();
    } else if (isSettled(state)) {
      state.settle();
      this.emit("settled");
    } else if (state.waits.stalledAt <= this.#system.now()) {
      this.#onStalled();
    }
    return Math.min(next.wakeAt, state.waits.stalledAt);
  }

  #act(action: Action<PoolWorker>): void {
    if (action.type === "overdue") {
      this.#onOverdue(action.worker);
    } else if (action.type === "dismiss") {
      this.#steps.leave(action.worker);
    } else {
      const slot = action.slot as Slot;
      if (action.type === "spawn") slot.worker = this.#fork(slot, false);
      else if (action.type === "surge") slot.successor = this.#fork(slot, true);
      else if (action.type === "withdraw") this.#state.withdraw(slot);
      else this.#promote(slot);
    }
  }

  #promote(slot: Slot): void {
    const { worker, successor } = slot;
    this.#state.promote(slot);
    if (worker === undefined || successor === undefined) return;
    this.#steps.leave(worker);
    this.#state.waits.progress(this.#system.now());
    this.emit("replaced", worker.handle, successor.handle);
  }

  #fork(slot: Slot, isSuccessor: boolean): PoolWorker | undefined {
    const now = this.#system.now();
    const { generation } = this.#state;
    let process: Worker;
    try {
      process = this.#system.fork(slot.number);
    } catch (error) {
      this.#giveUp(
        this.#endings.forkFailed({ slot, isSuccessor, now }, generation, error as Error),
      );
      return undefined;
    }
    const handle = this.#registry.register(process, {
      ...this.#terms,
      generation,
      slot: slot.number,
    });
    if (handle.pid !== undefined) this.#endings.forked();
    const deadline = now + this.#options.workerInitTimeout;
    return new PoolWorker(handle, { startedAt: now, restarts: slot.deaths, deadline });
  }

  #onOverdue(worker: PoolWorker): void {
    const { handle } = worker;
    const silentFor = this.#liveness.silence(worker, this.#system.now());
    const hangs = worker.state === "hung" && !worker.isInspected;
    if (hangs) this.emit("hang", handle, { silentFor });
    const isLost = this.#steps.overdue(worker);
    if (!isLost || !this.#state.leaving.includes(worker)) return;
    this.#state.remove(worker);
    this.emit("lost", handle);
  }

  /** @param reason `undefined`: there is none, and it goes on */
  #giveUp(reason: SupervisorError | undefined): void {
    if (reason === undefined || this.#endAt !== undefined) return;
    this.retire(this.#options.stopTimeout, reason);
    if (reason instanceof RestartLimitError) this.emit("giveUp", reason);
  }

  /** Workers become ready and die again, so that they are never all there. */
  #onStalled(): void {
    const error = new SupervisorError(
      "ERR_SUPERVISOR_STATE",
      `Given up: for ${stallTimeout(this.#options)} ms not all workers were ready at once.`,
    );
    this.#state.abandonGeneration(error);
    if (!this.#state.abandonCount(error)) this.#giveUp(error);
    this.#loop.run();
  }

  readonly #onReady = (handle: WorkerHandle): void => {
    const worker = this.#state.find(handle);
    if (worker === undefined) return;
    this.#liveness.ready(worker);
    this.#state.served(worker);
    this.emit("ready", handle);
    this.#loop.run();
  };

  readonly #onGone = (handle: WorkerHandle): void => {
    const worker = this.#state.find(handle);
    if (worker === undefined) return;
    this.#liveness.gone(worker, this.#system.now());
    this.#loop.run();
  };

  readonly #onMessage = (handle: WorkerHandle, message: ToPrimary): void => {
    if (message.type !== "supervisor:heartbeat") return;
    const worker = this.#state.find(handle);
    if (worker === undefined) return;
    if (this.#liveness.heard(worker, message.rss, this.#system.now())) this.#loop.run();
  };

  readonly #onOverflow = (handle: WorkerHandle): void => {
    const worker = this.#state.find(handle);
    if (worker === undefined) return;
    this.emit("hang", handle, { silentFor: this.#liveness.silence(worker, this.#system.now()) });
    this.#steps.kill(worker);
    this.#loop.run();
  };

  readonly #onExit = (handle: WorkerHandle, exit: WorkerExit): void => {
    const worker = this.#state.find(handle);
    if (worker === undefined) return;
    const slot = this.#state.slotOf(worker);
    const isSuccessor = slot?.successor === worker;
    this.#state.remove(worker);
    let end: SupervisorError | undefined;
    if (slot !== undefined && this.#endAt === undefined) {
      const place = { slot, isSuccessor, now: this.#system.now() };
      end = this.#endings.ended(place, worker, exit);
    }
    // Whoever hears of it finds what follows from it, in status() too.
    this.emit("exit", handle, exit);
    this.#giveUp(end);
    this.#loop.run();
  };

  #dispose(): void {
    this.#registry.off("ready", this.#onReady);
    this.#registry.off("gone", this.#onGone);
    this.#registry.off("exit", this.#onExit);
    this.#registry.off("message", this.#onMessage);
    this.#registry.off("overflow", this.#onOverflow);
    this.#resolveEnded();
  }
}
