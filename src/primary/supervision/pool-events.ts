import type { RestartLimitError, WorkerBootError, WorkerExit } from "../../errors.js";
import type { WorkerHandle } from "../workers/worker-handle.js";

/** A worker ended that should not have. */
export interface Death {
  handle: WorkerHandle;
  /** Of its slot, from 1. */
  number: number;
  exit: WorkerExit;
  wasReady: boolean;
  /** It is one of `restarts`: a worker that served, or was to serve again. */
  counts: boolean;
  /** ms */
  lived: number;
  /** ms until the next one is started; `undefined`: none is, or another one is there already. */
  replacedIn: number | undefined;
}

export interface EndingEvents {
  died: [Death];
  /** A worker ended before it was ready, or could not be started (the first of such in a row). */
  bootFailed: [WorkerBootError];
  /** After a failure, a process could be started again. */
  forkWorks: [];
}

export interface PoolEvents extends EndingEvents {
  /** Every slot has a ready worker of the wanted generation, and nobody is leaving. */
  settled: [];
  ready: [WorkerHandle];
  exit: [WorkerHandle, WorkerExit];
  /** A worker was replaced by a ready one, and begins to drain. */
  replaced: [old: WorkerHandle, successor: WorkerHandle];
  hang: [WorkerHandle, { silentFor: number }];
  /** It was killed, and its process does not end; nobody waits for it any more. */
  lost: [WorkerHandle];
  giveUp: [RestartLimitError];
}
