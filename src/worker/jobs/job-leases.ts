import cluster from "node:cluster";
import { LEASE_BACKOFF } from "../../policy/leases.js";
import { failuresInARow, restartDelay } from "../../policy/restart.js";
import type { LeaseOutcome } from "../../protocol/messages.js";
import type { PrimaryChannel } from "../primary-channel.js";
import type { Job } from "./job.js";

/** Who says when a job begins here. */
export interface JobLeases {
  /** Calls `job.begin()` when this process may have it; never before the caller has returned. */
  ask(job: Job): void;
  /** The job has ended here. */
  over(job: Job, outcome: LeaseOutcome): void;
}

/** How long the primary may take to say that it knows of the request (ms). */
const ANSWER_TIMEOUT = 10_000;

/** In a worker: the primary gives each job to one worker at a time. */
export class ClusterLeases implements JobLeases {
  readonly #channel: PrimaryChannel;
  readonly #jobs = new Map<number, Job>();
  readonly #unanswered = new Map<number, NodeJS.Timeout>();
  #lastId = 0;

  constructor(channel: PrimaryChannel) {
    this.#channel = channel;
    channel.on("supervisor:lease-noted", ({ id }) => this.#answered(id));
    channel.on("supervisor:lease-granted", ({ id }) => this.#jobs.get(id)?.begin());
    channel.on("supervisor:drain", this.#stopAll);
    channel.on("supervisor:stop", this.#stopAll);
    // Without a primary nobody knows what this worker does.
    channel.once("disconnect", this.#stopAll);
  }

  ask(job: Job): void {
    const id = ++this.#lastId;
    this.#jobs.set(id, job);
    this.#unanswered.set(id, setTimeout(() => warnUnanswered(job), ANSWER_TIMEOUT).unref());
    this.#channel.send({ type: "supervisor:lease", id, name: job.name });
  }

  over(job: Job, outcome: LeaseOutcome): void {
    for (const [id, item] of this.#jobs) {
      if (item !== job) continue;
      if (outcome === "withdrawn") {
        this.#jobs.delete(id);
        this.#answered(id);
      }
      this.#channel.send({ type: "supervisor:lease-over", id, outcome });
    }
  }

  #answered(id: number): void {
    clearTimeout(this.#unanswered.get(id));
    this.#unanswered.delete(id);
  }

  readonly #stopAll = (): void => {
    for (const job of [...this.#jobs.values()]) job.stop().catch(warn);
  };
}

/** Without a cluster: this process has every job, and tries again what fails. */
export class LocalLeases implements JobLeases {
  readonly #jobs = new Map<Job, { begun: number; failures: number; timer?: NodeJS.Timeout }>();

  ask(job: Job): void {
    if (this.#jobs.size === 0) cluster.on("fork", this.#giveUp);
    this.#jobs.set(job, { begun: 0, failures: 0 });
    this.#beginIn(job, 0);
  }

  over(job: Job, outcome: LeaseOutcome): void {
    const record = this.#jobs.get(job);
    if (record === undefined) return;
    if (outcome === "withdrawn") {
      clearTimeout(record.timer);
      this.#jobs.delete(job);
      if (this.#jobs.size === 0) cluster.off("fork", this.#giveUp);
      return;
    }
    const lived = performance.now() - record.begun;
    record.failures =
      outcome === "failed" ? failuresInARow(record.failures, lived, LEASE_BACKOFF) : 0;
    this.#beginIn(job, restartDelay(record.failures, LEASE_BACKOFF));
  }

  #beginIn(job: Job, delay: number): void {
    const record = this.#jobs.get(job);
    if (record === undefined) return;
    record.timer = setTimeout(() => {
      record.begun = performance.now();
      job.begin();
    }, delay);
  }

  /** This process turns into a primary: the workers have the jobs from now on. */
  readonly #giveUp = (): void => {
    for (const job of [...this.#jobs.keys()]) {
      process.emitWarning(
        `runOnce("${job.name}") was called in the primary, before it forked workers. The job ` +
          "ends here; call runOnce() in the workers only.",
        { code: "SUPERVISOR_JOB_IN_PRIMARY" },
      );
      job.stop().catch(warn);
    }
  };
}

function warnUnanswered({ name }: Job): void {
  process.emitWarning(
    `runOnce("${name}"): the primary has not answered for ${ANSWER_TIMEOUT} ms, and the job does ` +
      "not run. Start the workers with ClusterManager or setupStickyMaster() of this version.",
    { code: "SUPERVISOR_NO_LEASES" },
  );
}

/** A job tells of its own errors itself. */
function warn(error: Error): void {
  process.emitWarning(error);
}
