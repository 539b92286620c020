import cluster, { type Worker } from "node:cluster";
import type { ResolvedManagerOptions } from "../../options/options.js";
import { workerFlags } from "../../policy/inspect-flags.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";

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

/**
 * Starts one worker process. It loads its file afresh, so it runs the code that is there now.
 *
 * @param slot the number of its slot, which it finds in its environment
 */
function forkWorker(options: ResolvedManagerOptions, slot: number): Worker {
  const { args, env, exec, logPrefix, sticky } = options;
  const execArgv = options.execArgv ?? process.execArgv;
  const { NODE_OPTIONS } = { ...process.env, ...env };
  // Each time, since other code of this process may fork workers of its own.
  cluster.setupPrimary({
    args: [...args],
    // A Node that was built without the inspector knows none of its flags.
    execArgv: process.features.inspector ? workerFlags(execArgv, NODE_OPTIONS) : [...execArgv],
    // Else `node:cluster` would add the next number to what it takes for a debugged worker's flags.
    inspectPort: 0,
    serialization: "advanced",
    // stderr passes through the primary, so that a failed boot can be explained.
    stdio: ["inherit", logPrefix ? "pipe" : "inherit", "pipe", "ipc"],
    ...(exec === undefined ? {} : { exec }),
  });
  return cluster.fork({
    // What Midway's components look at to find out how they run.
    MIDWAY_FORK_MODE: "cluster",
    MIDWAY_STICKY_MODE: String(sticky),
    ...env,
    SUPERVISOR_WORKER: String(slot),
  });
}
