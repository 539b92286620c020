import type { WorkerHandle } from "../workers/worker-handle.js";

/** A place for one serving worker; see policy/reconcile.ts. */
export interface Slot {
  worker: WorkerHandle | undefined;
  successor: WorkerHandle | undefined;
  spawnAt: number;
  /** Deaths, of them in a row. */
  deaths: number;
  failures: number;
}

export function emptySlot(): Slot {
  return { worker: undefined, successor: undefined, spawnAt: 0, deaths: 0, failures: 0 };
}
