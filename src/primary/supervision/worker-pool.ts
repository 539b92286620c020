import { EventEmitter } from "node:events";
import { type RestartLimitError, WorkerBootError, type WorkerExit } from "../../errors.js";
import { HEARTBEAT_TIMEOUT, type ResolvedManagerOptions } from "../../options.js";
import { type Action, type Facts, isSettled, plan } from "../../policy/reconcile.js";
import { type Backoff, failuresInARow, restartDelay } from "../../policy/restart.js";
import type { ToPrimary } from "../../protocol.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import { DeathRecord } from "./death-record.js";
import { type PoolRegistry, type PoolSystem, realSystem } from "./pool-system.js";
import { emptySlot, type Slot } from "./slot.js";
import { GONE_GRACE, RECYCLE_PAUSE, WorkerSteps } from "./worker-steps.js";

export interface PoolEvents {
  /** Every slot has a ready worker of the wanted generation, and nobody is leaving. */
  settled: [];
  ready: [WorkerHandle];
  exit: [WorkerHandle, WorkerExit];
  /** A worker was replaced by a ready one, and begins to drain. */
  replaced: [old: WorkerHandle, successor: WorkerHandle];
  /** A worker ended before it was ready; `successor`: it should have replaced another. */
  bootFailed: [WorkerBootError, { successor: boolean }];
  hang: [WorkerHandle, { silentFor: number }];
  giveUp: [RestartLimitError];
  /** The pool does nothing any more; what is not settled will not be. */
  halted: [];
}

/**
 * Keeps one worker alive in each slot: the reconcile loop.
 *
 * Handlers record what happened and call `#reconcile`, which alone starts and ends processes, as
 * the pure `plan` says.
 */
export class WorkerPool extends EventEmitter<PoolEvents> {
  readonly #registry: PoolRegistry;
  readonly #system: PoolSystem;
  readonly #options: ResolvedManagerOptions;
  readonly #backoff: Backoff;
  readonly #steps: WorkerSteps;
  #slots: Slot[] = [];
  #leaving: WorkerHandle[] = [];
  #generation = 0;
  #lastGeneration = 0;
  /** The last generation that a reload completed; what an abandoned one goes back to. */
  #goodGeneration = 0;
  readonly #deaths: DeathRecord;
  #cancelTimer: () => void = () => {};
  #wakeAt = Number.POSITIVE_INFINITY;
  #halted = false;

  constructor(
    registry: PoolRegistry,
    options: ResolvedManagerOptions,
    system: PoolSystem = realSystem(options),
  ) {
    super();
    this.#system = system;
    this.#steps = new WorkerSteps(registry, options, system);
    this.#registry = registry;
    this.#options = options;
    this.#deaths = new DeathRecord(options);
    this.#backoff = {
      initial: options.backoffInitial,
      max: options.backoffMax,
      forgetAfter: options.backoffForgetAfter,
    };
    registry.on("ready", this.#onReady);
    registry.on("gone", this.#onGone);
    registry.on("exit", this.#onExit);
    registry.on("message", this.#onMessage);
    registry.on("overflow", this.#onOverflow);
  }

  get generation(): number {
    return this.#generation;
  }

  /** Deaths of workers that should have lived. */
  get restarts(): number {
    return this.#deaths.count;
  }

  get count(): number {
    return this.#slots.length;
  }

  /** All workers whose processes have not ended. */
  handles(): WorkerHandle[] {
    const serving = this.#slots.flatMap(({ worker, successor }) => [worker, successor]);
    return [...serving, ...this.#leaving].filter((handle) => handle !== undefined);
  }

  /** Wants `count` workers from now on; those that are too many drain and leave. */
  setCount(count: number): void {
    while (this.#slots.length < count) {
      this.#slots.push(emptySlot());
    }
    for (const { worker, successor } of this.#slots.splice(count)) {
      for (const handle of [worker, successor]) if (handle !== undefined) this.#leave(handle);
    }
    this.#reconcile();
  }

  /** Wants workers with new code. @returns the generation that they will have */
  raiseGeneration(): number {
    this.#generation = ++this.#lastGeneration;
    const wanted = this.#generation;
    this.#registry.wantedGeneration = wanted;
    // Who asks for new workers wants the missing ones as well, and now.
    for (const slot of this.#slots) slot.spawnAt = 0;
    this.#reconcile();
    return wanted;
  }

  /** From now on nothing is started or ended any more. */
  halt(): void {
    if (this.#halted) return;
    this.#halted = true;
    this.#cancelTimer();
    this.emit("halted");
  }

  dispose(): void {
    this.halt();
    this.#registry.off("ready", this.#onReady);
    this.#registry.off("gone", this.#onGone);
    this.#registry.off("exit", this.#onExit);
    this.#registry.off("message", this.#onMessage);
    this.#registry.off("overflow", this.#onOverflow);
  }

  get #facts(): Facts<WorkerHandle> & { slots: Slot[] } {
    return { slots: this.#slots, leaving: this.#leaving, generation: this.#generation };
  }

  #reconcile(): void {
    if (this.#halted) return;
    let next = plan(this.#facts, this.#system.now());
    while (next.actions.length > 0) {
      for (const action of next.actions) this.#act(action);
      next = plan(this.#facts, this.#system.now());
    }
    if (isSettled(this.#facts)) {
      this.#goodGeneration = this.#generation;
      this.emit("settled");
    }
    this.#wakeAtTime(next.wakeAt);
  }

  #wakeAtTime(wakeAt: number): void {
    this.#cancelTimer();
    this.#wakeAt = wakeAt;
    if (wakeAt === Number.POSITIVE_INFINITY) return;
    const delay = Math.max(1, wakeAt - this.#system.now());
    this.#cancelTimer = this.#system.after(delay, this.#onTimer);
  }

  readonly #onTimer = (): void => {
    const late = this.#system.now() - this.#wakeAt;
    // When the primary itself could not run, silence says nothing about the workers.
    if (late > HEARTBEAT_TIMEOUT / 2) {
      for (const handle of this.handles()) {
        if (handle.state === "ready" || handle.state === "hung") handle.deadline += late;
      }
    }
    this.#reconcile();
  };

  #act(action: Action<WorkerHandle>): void {
    if (action.type === "overdue") {
      const { worker } = action;
      const silentFor = this.#system.now() - (worker.lastHeartbeat ?? 0);
      if (worker.state === "hung" && !worker.isInspected) this.emit("hang", worker, { silentFor });
      this.#steps.overdue(worker);
      return;
    }
    const slot = action.slot as Slot;
    if (action.type === "spawn") {
      slot.worker = this.#fork(slot);
    } else if (action.type === "surge") {
      slot.successor = this.#fork(slot);
    } else {
      const { worker, successor } = slot;
      slot.worker = successor;
      slot.successor = undefined;
      if (worker === undefined || successor === undefined) return;
      this.#leave(worker);
      this.emit("replaced", worker, successor);
    }
  }

  #fork(slot: Slot): WorkerHandle {
    const handle = this.#registry.register(this.#system.fork(), this.#generation);
    handle.deadline = this.#system.now() + this.#options.workerInitTimeout;
    handle.restarts = slot.deaths;
    return handle;
  }

  #leave(worker: WorkerHandle): void {
    this.#leaving.push(worker);
    this.#steps.leave(worker);
  }

  /** A wait spares the others; when none of several is left, it would only keep clients waiting. */
  #isLastToServe(handle: WorkerHandle): boolean {
    const others = this.#slots.some(({ worker }) => worker !== undefined);
    return handle.wasReady && !others && this.#slots.length > 1;
  }

  #isMine(handle: WorkerHandle): boolean {
    return this.handles().includes(handle);
  }

  readonly #onReady = (handle: WorkerHandle): void => {
    if (!this.#isMine(handle)) return;
    // Heartbeats are expected of workers that have sent one.
    handle.deadline =
      handle.lastHeartbeat === undefined
        ? Number.POSITIVE_INFINITY
        : handle.lastHeartbeat + HEARTBEAT_TIMEOUT;
    this.emit("ready", handle);
    this.#reconcile();
  };

  /** A worker that closed its channel has to end: nobody can tell it anything any more. */
  readonly #onGone = (handle: WorkerHandle): void => {
    if (!this.#isMine(handle)) return;
    handle.deadline = this.#system.now() + GONE_GRACE;
    this.#reconcile();
  };

  readonly #onMessage = (handle: WorkerHandle, message: ToPrimary): void => {
    if (message.type !== "supervisor:heartbeat" || !this.#isMine(handle)) return;
    handle.lastHeartbeat = this.#system.now();
    const { type: _, ...vitals } = message;
    handle.vitals = vitals;
    const { maxMemory } = this.#options;
    const wasHung = handle.state === "hung";
    if (wasHung) this.#registry.setState(handle, "ready");
    if (handle.state !== "ready") return;
    handle.deadline = handle.lastHeartbeat + HEARTBEAT_TIMEOUT;
    if (maxMemory !== undefined && message.rss > maxMemory) {
      handle.recycle = handle.lastHeartbeat >= handle.recycleNotBefore;
    }
    if (wasHung || handle.recycle) this.#reconcile();
  };

  /** Killed already; its exit brings the next one. */
  readonly #onOverflow = (handle: WorkerHandle): void => {
    if (!this.#isMine(handle)) return;
    this.emit("hang", handle, { silentFor: this.#system.now() - (handle.lastHeartbeat ?? 0) });
  };

  readonly #onExit = (handle: WorkerHandle, exit: WorkerExit): void => {
    const slot = this.#slots.find((s) => s.worker === handle || s.successor === handle);
    const wasLeaving = this.#leaving.some((item) => item === handle);
    if (slot === undefined && !wasLeaving) return;
    this.#leaving = this.#leaving.filter((item) => item !== handle);
    const wasSuccessor = slot?.successor === handle;
    if (slot !== undefined) {
      if (wasSuccessor) slot.successor = undefined;
      else slot.worker = undefined;
    }
    this.emit("exit", handle, exit);
    if (this.#halted) return;
    if (slot !== undefined) this.#onDeath(slot, handle, exit, wasSuccessor);
    this.#reconcile();
  };

  /** A worker ended that should not have. */
  #onDeath(slot: Slot, handle: WorkerHandle, exit: WorkerExit, wasSuccessor: boolean): void {
    const now = this.#system.now();
    if (!handle.wasReady) {
      const error = new WorkerBootError(exit, this.#steps.whyNotReady(handle, exit));
      if (wasSuccessor) {
        // Abandoned: the old workers are wanted again.
        this.#generation = this.#goodGeneration;
        this.#registry.wantedGeneration = this.#generation;
        if (slot.worker !== undefined) {
          slot.worker.recycle = false;
          slot.worker.recycleNotBefore = now + RECYCLE_PAUSE;
        }
        this.emit("bootFailed", error, { successor: true });
        return;
      }
      this.emit("bootFailed", error, { successor: false });
      if (this.#halted) return;
    }
    slot.deaths++;
    slot.failures = failuresInARow(slot.failures, now - handle.startedAt, this.#backoff);
    slot.spawnAt = this.#options.refork
      ? now + (this.#isLastToServe(handle) ? 0 : restartDelay(slot.failures, this.#backoff))
      : Number.POSITIVE_INFINITY;
    const giveUp = this.#deaths.record(exit, now);
    if (giveUp === undefined) return;
    this.halt();
    this.emit("giveUp", giveUp);
  }
}
