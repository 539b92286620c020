/**
 * What the manager does next. Pure: slots and time in, actions out.
 *
 * Everything that happens (an exit, a ready message, a timeout, a call) only changes the recorded
 * facts; then this function compares them with what is wanted. A slot is a place for one worker;
 * there are always `count` of them.
 */

export interface SlotFacts {
  /** `undefined`: no process. `since`: ms, monotonic, of its start. */
  worker: { ready: boolean; since: number } | undefined;
  /** Not before this time (ms, monotonic) is the slot filled again; `Infinity`: never. */
  spawnAt: number;
}

export type Action =
  | { type: "spawn"; slot: number }
  /** The worker did not become ready in time. */
  | { type: "boot-timeout"; slot: number };

export interface Plan {
  actions: Action[];
  /** When to look again though nothing happens (ms, monotonic); `Infinity`: no need. */
  wakeAt: number;
}

export function plan(slots: readonly SlotFacts[], now: number, workerInitTimeout: number): Plan {
  const actions: Action[] = [];
  let wakeAt = Number.POSITIVE_INFINITY;
  slots.forEach(({ worker, spawnAt }, slot) => {
    if (worker === undefined) {
      if (spawnAt <= now) actions.push({ type: "spawn", slot });
      else wakeAt = Math.min(wakeAt, spawnAt);
    } else if (!worker.ready) {
      const deadline = worker.since + workerInitTimeout;
      if (deadline <= now) actions.push({ type: "boot-timeout", slot });
      else wakeAt = Math.min(wakeAt, deadline);
    }
  });
  return { actions, wakeAt };
}
