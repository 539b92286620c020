/**
 * What the manager does next. Pure: facts and time in, actions out.
 *
 * Everything that happens (an exit, a ready message, a missing heartbeat, a call) only changes the
 * recorded facts; then this function compares them with what is wanted. A slot is a place for one
 * serving worker. A reload is nothing but a higher wanted generation: a worker of an older one is
 * outdated, and replaced by the same steps as one that uses too much memory. So a crash in the
 * middle of it heals like any other.
 *
 * Invariants: a successor is started only when every slot has a ready worker, and together with those
 * that come and go there are at most `concurrency` processes above the count (S8; for memory's sake
 * one); an old worker that serves leaves only when its successor and the workers of all other slots
 * are ready (S1: never fewer ready workers than slots). Only a worker that stands still under a debugger counts as serving though it does not: it
 * is nobody's fault, and may take hours. A stop wants no slots at all: then everybody is leaving.
 */

export interface WorkerFacts {
  state: "starting" | "ready" | "hung" | "draining" | "stopping" | "dead";
  generation: number;
  /** It has to be replaced whatever its generation. */
  recycle: boolean;
  /** Somebody may look at it with a debugger, and have stopped it. */
  isInspected: boolean;
  /**
   * ms, monotonic; what must have happened by then depends on the state: readiness (starting), a
   * heartbeat (ready, hung), the end of all sessions (draining), the end of the process (stopping, dead).
   */
  deadline: number;
}

export interface SlotFacts<W extends WorkerFacts> {
  worker: W | undefined;
  /** Is being started to take the worker's place. */
  successor: W | undefined;
  /** Not before this time (ms, monotonic) is an empty slot filled; `Infinity`: never. */
  spawnAt: number;
}

export interface Facts<W extends WorkerFacts> {
  slots: readonly SlotFacts<W>[];
  /** Workers that have lost their slot, and still run. */
  leaving: readonly W[];
  /** Wanted. */
  generation: number;
  /** Workers that a reload replaces at a time. */
  concurrency: number;
}

export type Action<W extends WorkerFacts> =
  /** Fill an empty slot. */
  | { type: "spawn"; slot: SlotFacts<W> }
  /** Start a successor for a slot whose worker is outdated. */
  | { type: "surge"; slot: SlotFacts<W> }
  /** The successor takes the slot; the old worker, if it still lives, leaves. */
  | { type: "promote"; slot: SlotFacts<W> }
  /** A worker without a slot has to be told to go. */
  | { type: "dismiss"; worker: W }
  /** Nobody wants the successor any more: its reload was abandoned. */
  | { type: "withdraw"; slot: SlotFacts<W> }
  /** The deadline of the worker's state is over. */
  | { type: "overdue"; worker: W };

export interface Plan<W extends WorkerFacts> {
  actions: Action<W>[];
  /** When to look again though nothing happens (ms, monotonic); `Infinity`: no need. */
  wakeAt: number;
}

/**
 * What is to be done. Whoever has taken one of the actions asks again, since it may have changed the
 * facts; it ends with no actions.
 */
export function plan<W extends WorkerFacts>(facts: Facts<W>, now: number): Plan<W> {
  const { slots, leaving, generation, concurrency } = facts;
  const actions: Action<W>[] = [];
  let wakeAt = Number.POSITIVE_INFINITY;

  const all = [...slots.flatMap((slot) => [slot.worker, slot.successor]), ...leaving];
  for (const worker of all) {
    if (worker === undefined) continue;
    if (worker.deadline <= now) actions.push({ type: "overdue", worker });
    else wakeAt = Math.min(wakeAt, worker.deadline);
  }
  for (const worker of leaving) {
    if (!isEnding(worker)) actions.push({ type: "dismiss", worker });
  }
  for (const slot of slots) {
    const { worker, successor, spawnAt } = slot;
    if (successor !== undefined) {
      const type = fate(worker, successor, () => othersServe(slots, slot), generation);
      if (type !== undefined) actions.push({ type, slot });
    } else if (worker === undefined) {
      if (spawnAt <= now) actions.push({ type: "spawn", slot });
      else wakeAt = Math.min(wakeAt, spawnAt);
    }
  }
  const outdated = slots.find(
    ({ worker, successor }) => worker && !successor && isOutdated(worker, generation),
  );
  if (actions.length === 0 && outdated?.worker !== undefined && slots.every(isFilled)) {
    const limit = outdated.worker.generation < generation ? concurrency : 1;
    const extra = leaving.length + slots.filter(({ successor }) => successor !== undefined).length;
    if (extra < limit) actions.push({ type: "surge", slot: outdated });
  }
  return { actions, wakeAt };
}

/** What becomes of a successor; `undefined`: it goes on. */
function fate(
  worker: WorkerFacts | undefined,
  successor: WorkerFacts,
  othersServe: () => boolean,
  generation: number,
): "promote" | "withdraw" | undefined {
  if (worker === undefined) return "promote";
  const isReady = successor.state === "ready";
  if (!serves(worker)) return isReady ? "promote" : undefined;
  // While another slot is empty, both of them are needed.
  if (isReady && !othersServe()) return undefined;
  if (!isOutdated(worker, generation)) return "withdraw";
  return isReady ? "promote" : undefined;
}

function othersServe<W extends WorkerFacts>(
  slots: readonly SlotFacts<W>[],
  but: SlotFacts<W>,
): boolean {
  return slots.every((slot) => slot === but || isFilled(slot));
}

export function isOutdated(worker: WorkerFacts, generation: number): boolean {
  return worker.recycle || worker.generation < generation;
}

/** Whether nothing is left to do for a reload: no slot is outdated, nobody is coming or going. */
export function isSettled<W extends WorkerFacts>(facts: Facts<W>): boolean {
  return (
    facts.leaving.length === 0 &&
    facts.slots.every(
      (slot) => isVacant(slot) || (isServing(slot) && !isOutdated(slot.worker, facts.generation)),
    )
  );
}

/** Has a ready worker, or one that a debugger may have stopped, and nobody is to take its place. */
function isServing<W extends WorkerFacts>(
  slot: SlotFacts<W>,
): slot is SlotFacts<W> & { worker: W } {
  const { worker, successor } = slot;
  return worker !== undefined && successor === undefined && serves(worker);
}

/** Has a worker that serves, though another one may be to take its place; or stays empty. */
function isFilled<W extends WorkerFacts>(slot: SlotFacts<W>): boolean {
  return isVacant(slot) || (slot.worker !== undefined && serves(slot.worker));
}

function isEnding({ state }: WorkerFacts): boolean {
  return state === "draining" || state === "stopping" || state === "dead";
}

function serves({ state, isInspected }: WorkerFacts): boolean {
  return state === "ready" || (state === "hung" && isInspected);
}

/** Is empty, and stays so. */
function isVacant<W extends WorkerFacts>({ worker, successor, spawnAt }: SlotFacts<W>): boolean {
  return worker === undefined && successor === undefined && spawnAt === Number.POSITIVE_INFINITY;
}
