import cluster from "node:cluster";
import { isMainThread } from "node:worker_threads";
import { OptionError, SupervisorError } from "../../errors.js";
import { expectObject, type Logger, logger, text } from "../../options/checks.js";
import { refuseUnknown } from "../../options/nearest-name.js";
import { refusePm2Cluster } from "../../pm2.js";
import type { LeaseOutcome } from "../../protocol/messages.js";
import { primaryChannel } from "../primary-channel.js";
import { Job, type RunOnceFunction, type RunOnceJob } from "./job.js";
import { ClusterLeases, type JobLeases, LocalLeases } from "./job-leases.js";
import { openWork } from "./open-work.js";

/** Options of {@link runOnce}. */
export interface RunOnceOptions {
  /** Where failures of the job are written. Default: `console`. */
  logger?: Logger;
}

let leases: JobLeases | undefined;
const names = new Set<string>();

/**
 * Runs `fn` in exactly one worker of the cluster: call it in every worker, with the same `name`.
 *
 * The primary gives the job to one ready worker. It stays there, also when `fn` has returned, until
 * that worker leaves (a reload, `scale()`, `stop()`) or dies; then another one gets it, and `fn` is
 * called there. Letting go has an order, so that it never runs twice at once: the signal aborts,
 * what `fn` returned is awaited, the function that it returned is called and awaited; only then
 * does another worker get the job. When `fn` throws, the error is logged and another worker gets
 * it: at once after the first failure, then after growing waits of up to 30 s.
 *
 * In a process without a cluster `fn` is called there, soon after the call.
 *
 * @param name of the job; one call for each name in a process
 * @returns at once; `job.leading` says whether this worker has the job
 * @throws OptionError, also when this process has a job of this name; SupervisorError
 *   `ERR_SUPERVISOR_NOT_WORKER` in a primary that has workers, and in a thread of a worker;
 *   `ERR_SUPERVISOR_PM2_CLUSTER`
 */
export function runOnce(
  name: string,
  fn: RunOnceFunction,
  options: RunOnceOptions = {},
): RunOnceJob {
  refusePm2Cluster();
  if (text("name", name) === undefined) throw new OptionError("name", name, "a string");
  if (typeof fn !== "function") throw new OptionError("fn", fn, "a function");
  expectObject("options", options);
  refuseUnknown("runOnce()", options, ["logger"]);
  const log = logger("logger", options.logger);
  refuseOtherProcesses();
  if (names.has(name)) {
    throw new OptionError("name", name, "the name of no other job that this process has");
  }
  leases ??= cluster.isWorker ? new ClusterLeases(primaryChannel()) : new LocalLeases();
  const source = leases;
  const over = (outcome: LeaseOutcome): void => {
    if (outcome === "withdrawn") names.delete(name);
    source.over(job, outcome);
  };
  const job = new Job(name, fn, log, over, openWork);
  names.add(name);
  source.ask(job);
  return job;
}

/** Processes that would each have the job beside the workers. */
function refuseOtherProcesses(): void {
  const isPrimary = Object.keys(cluster.workers ?? {}).length > 0;
  // A thread cannot tell that its process is a worker, but it has the environment that the manager sets.
  const isThread = !isMainThread && process.env.MIDWAY_FORK_MODE === "cluster";
  if (!isPrimary && !isThread) return;
  throw new SupervisorError(
    "ERR_SUPERVISOR_NOT_WORKER",
    `runOnce() was called in ${isPrimary ? "the primary" : "a thread of a worker"}. It belongs ` +
      "into the main thread of the workers: guard it with !manager.isPrimary().",
  );
}
