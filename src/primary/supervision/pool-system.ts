import type { Worker } from "node:cluster";
import type { ResolvedManagerOptions } from "../../options/options.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";
import { forkWorker } from "./fork-worker.js";

/** Time and processes: what a test replaces. */
export interface PoolSystem {
  /** ms, monotonic. */
  now(): number;
  /** @returns a function that cancels it */
  after(ms: number, act: () => void): () => void;
  /** Starts a worker process for the slot of this number. Throws when it cannot (ENOMEM); other failures (EAGAIN, EMFILE) come later. */
  fork(slot: number): Worker;
}

export const realClock: Pick<PoolSystem, "now" | "after"> = {
  now: () => performance.now(),
  after: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};

export const realSystem = (options: ResolvedManagerOptions): PoolSystem => ({
  ...realClock,
  fork: (slot) => forkWorker(options, slot),
});

/** As much of the registry as the pool needs. */
export type PoolRegistry = Pick<
  WorkerRegistry,
  "register" | "setState" | "prefer" | "readyBy" | "on" | "off"
>;
