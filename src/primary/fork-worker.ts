import cluster, { type Worker } from "node:cluster";
import type { ResolvedManagerOptions } from "../options.js";

/** Starts one worker process. It loads its file afresh, so it runs the code that is there now. */
export function forkWorker(options: ResolvedManagerOptions): Worker {
  const { args, env, exec, execArgv, sticky } = options;
  // Each time, since other code of this process may fork workers of its own.
  cluster.setupPrimary({
    args: [...args],
    execArgv: [...(execArgv ?? process.execArgv)],
    serialization: "advanced",
    // stderr passes through the primary, so that a failed boot can be explained.
    stdio: ["inherit", "inherit", "pipe", "ipc"],
    ...(exec === undefined ? {} : { exec }),
  });
  return cluster.fork({
    // What Midway's components look at to find out how they run.
    MIDWAY_FORK_MODE: "cluster",
    MIDWAY_STICKY_MODE: String(sticky),
    ...env,
  });
}
