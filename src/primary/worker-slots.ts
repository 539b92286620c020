import cluster from "node:cluster";
import { describeExit, RestartLimitError, WorkerBootError, type WorkerExit } from "../errors.js";
import type { ResolvedManagerOptions } from "../options.js";
import { type Plan, plan } from "../policy/reconcile.js";
import {
  failuresInARow,
  NO_DEATHS,
  type RestartWindow,
  recordDeath,
  restartDelay,
} from "../policy/restart.js";
import type { WorkerHandle } from "./worker-handle.js";
import type { WorkerRegistry } from "./worker-registry.js";

interface Slot {
  handle: WorkerHandle | undefined;
  /** Whether this slot's present worker was ever ready. */
  wasReady: boolean;
  bootTimedOut: boolean;
  failures: number;
  spawnAt: number;
}

export interface SlotEvents {
  /** Every slot has a ready worker. */
  allReady(): void;
  ready(handle: WorkerHandle): void;
  exit(handle: WorkerHandle, exit: WorkerExit): void;
  /** A worker ended before it was ready. */
  bootFailed(error: WorkerBootError): void;
  giveUp(error: RestartLimitError): void;
}

/** How many exits the error over the restart limit remembers. */
const EXITS_KEPT = 5;

/**
 * Keeps `count` workers alive: the reconcile loop.
 *
 * Handlers record what happened and call `#reconcile`, which alone starts and ends processes, as
 * the pure `plan` says.
 */
export class WorkerSlots {
  readonly #registry: WorkerRegistry;
  readonly #options: ResolvedManagerOptions;
  readonly #events: SlotEvents;
  readonly #slots: Slot[];
  #deaths: RestartWindow = NO_DEATHS;
  #exits: WorkerExit[] = [];
  #timer: NodeJS.Timeout | undefined;
  #halted = false;

  constructor(registry: WorkerRegistry, options: ResolvedManagerOptions, events: SlotEvents) {
    this.#registry = registry;
    this.#options = options;
    this.#events = events;
    this.#slots = Array.from({ length: options.count }, () => ({
      handle: undefined,
      wasReady: false,
      bootTimedOut: false,
      failures: 0,
      spawnAt: 0,
    }));
    registry.on("ready", this.#onReady);
    registry.on("exit", this.#onExit);
  }

  start(): void {
    this.#reconcile();
  }

  /** From now on nothing is started any more. */
  halt(): void {
    this.#halted = true;
    clearTimeout(this.#timer);
  }

  /** The workers whose processes have not ended. */
  handles(): WorkerHandle[] {
    return this.#slots.flatMap(({ handle }) => (handle ? [handle] : []));
  }

  dispose(): void {
    this.halt();
    this.#registry.off("ready", this.#onReady);
    this.#registry.off("exit", this.#onExit);
  }

  #reconcile(): void {
    if (this.#halted) return;
    const next = this.#plan();
    for (const { type, slot: index } of next.actions) {
      const slot = this.#slots[index];
      if (slot === undefined) continue;
      if (type === "spawn") this.#spawn(slot);
      else this.#endBoot(slot);
    }
    clearTimeout(this.#timer);
    const { wakeAt } = next.actions.length > 0 ? this.#plan() : next;
    if (wakeAt === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#reconcile(), Math.max(1, wakeAt - performance.now()));
  }

  #plan(): Plan {
    const facts = this.#slots.map(({ handle, wasReady, bootTimedOut, spawnAt }) => ({
      // One whose time is up counts as settled: its exit is under way.
      worker: handle && { ready: wasReady || bootTimedOut, since: handle.startedAt },
      spawnAt,
    }));
    return plan(facts, performance.now(), this.#options.workerInitTimeout);
  }

  #spawn(slot: Slot): void {
    const { args, env, exec, execArgv, sticky } = this.#options;
    cluster.setupPrimary({
      args: [...args],
      execArgv: [...(execArgv ?? process.execArgv)],
      serialization: "advanced",
      // stderr passes through the primary, so that a failed boot can be explained.
      stdio: ["inherit", "inherit", "pipe", "ipc"],
      ...(exec === undefined ? {} : { exec }),
    });
    const worker = cluster.fork({
      // What Midway's components look at to find out how they run.
      MIDWAY_FORK_MODE: "cluster",
      MIDWAY_STICKY_MODE: String(sticky),
      ...env,
    });
    slot.handle = this.#registry.register(worker);
    slot.wasReady = false;
    slot.bootTimedOut = false;
  }

  #endBoot(slot: Slot): void {
    slot.bootTimedOut = true;
    slot.handle?.signal("SIGKILL");
  }

  #slotOf(handle: WorkerHandle): Slot | undefined {
    return this.#slots.find((slot) => slot.handle === handle);
  }

  readonly #onReady = (handle: WorkerHandle): void => {
    const slot = this.#slotOf(handle);
    if (slot === undefined) return;
    slot.wasReady = true;
    this.#events.ready(handle);
    if (this.#slots.every((item) => item.handle?.state === "ready")) this.#events.allReady();
    this.#reconcile();
  };

  readonly #onExit = (handle: WorkerHandle, exit: WorkerExit): void => {
    const slot = this.#slotOf(handle);
    if (slot === undefined) return;
    slot.handle = undefined;
    this.#events.exit(handle, exit);
    if (this.#halted) return;

    const now = performance.now();
    slot.failures = failuresInARow(slot.failures, now - handle.startedAt);
    slot.spawnAt = this.#options.refork
      ? now + restartDelay(slot.failures)
      : Number.POSITIVE_INFINITY;
    if (!slot.wasReady)
      this.#events.bootFailed(new WorkerBootError(exit, this.#whyNotReady(slot, exit)));
    this.#exits = [...this.#exits, exit].slice(-EXITS_KEPT);
    const { window, giveUp } = recordDeath(this.#deaths, now, this.#options);
    this.#deaths = window;
    if (giveUp && !this.#halted) {
      const { limit, duration } = this.#options;
      this.halt();
      this.#events.giveUp(new RestartLimitError(limit, duration, this.#exits));
      return;
    }
    this.#reconcile();
  };

  #whyNotReady(slot: Slot, exit: WorkerExit): string {
    if (!slot.bootTimedOut) return `${describeExit(exit)} before it was ready`;
    const hint = this.#registry.requiresAdoption ? "await setupWorker(io)" : "listen()";
    return (
      `was not ready within ${this.#options.workerInitTimeout} ms (workerInitTimeout) and was ` +
      `killed. A worker becomes ready with ${hint}`
    );
  }
}
