import type { SupervisorErrorCode, WorkerExit } from "../errors.js";
import type { ClusterManagerOptions } from "../options.js";
import type { ClusterStatus } from "../primary/control/status.js";
import type { ReloadReport } from "../primary/supervision/reloads.js";

/** What the runner's process can ask of a running cluster. */
export interface Calls {
  status(): ClusterStatus;
  reload(): Promise<ReloadReport>;
  scale(count: number): Promise<void>;
  /** @returns when the worker has ended and, with `refork`, the cluster is complete again */
  killWorker(pid: number): Promise<void>;
  stop(): Promise<void>;
}

/** From the runner's process to the primary. */
export type ToTestPrimary =
  | { type: "start"; id: number; options: ClusterManagerOptions }
  | { type: "call"; id: number; call: keyof Calls; args: unknown[] };

/** From the primary to the runner's process; the result of `start` is the port. */
export type FromTestPrimary =
  | { type: "done"; id: number; result: unknown }
  | { type: "failed"; id: number; failure: Failure };

/** An error, as it crosses the IPC channel. */
export interface Failure {
  message: string;
  stack: string | undefined;
  /** Of our own errors. */
  code?: SupervisorErrorCode;
  /** Of a `WorkerBootError`. */
  boot?: { exit: WorkerExit; why: string };
}
