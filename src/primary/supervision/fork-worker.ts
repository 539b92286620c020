import cluster, { type Worker } from "node:cluster";
import type { ResolvedManagerOptions } from "../../options/options.js";
import { workerFlags } from "../../policy/inspect-flags.js";

/**
 * Starts one worker process. It loads its file afresh, so it runs the code that is there now.
 *
 * @param slot the number of its slot, which it finds in its environment
 */
export function forkWorker(options: ResolvedManagerOptions, slot: number): Worker {
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
