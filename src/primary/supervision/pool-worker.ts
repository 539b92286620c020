import type { WorkerFacts } from "../../policy/reconcile.js";
import type { WorkerHandle, WorkerState } from "../workers/worker-handle.js";

/** What the pool knows of one of its workers, beside what the worker itself said. */
export class PoolWorker implements WorkerFacts {
  readonly handle: WorkerHandle;
  /** ms, monotonic. */
  readonly startedAt: number;
  /** Deaths in its slot before it was started. */
  readonly restarts: number;
  deadline: number;
  recycle = false;
  /** ms, monotonic: a replacement for its memory's sake has failed, and is not tried before. */
  recycleNotBefore = 0;
  /** ms, monotonic. */
  lastHeartbeat: number | undefined;
  /** How long it may take to end when it has moved its sessions (ms). */
  stopTimeout: number;
  /** It was told to stop. */
  isTold = false;
  isKilled = false;

  constructor(
    handle: WorkerHandle,
    {
      startedAt,
      restarts,
      deadline,
      stopTimeout,
    }: { startedAt: number; restarts: number; deadline: number; stopTimeout: number },
  ) {
    this.handle = handle;
    this.startedAt = startedAt;
    this.restarts = restarts;
    this.deadline = deadline;
    this.stopTimeout = stopTimeout;
  }

  get state(): WorkerState {
    return this.handle.state;
  }

  get generation(): number {
    return this.handle.generation;
  }

  get isInspected(): boolean {
    return this.handle.isInspected;
  }
}
