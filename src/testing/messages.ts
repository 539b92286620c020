import type { SupervisorErrorCode, WorkerExit } from "../errors.js";
import type { Manager } from "../manager-contract.js";
import type { ClusterManagerOptions } from "../options/options.js";

/** What the runner's process can ask of a running cluster. */
export interface Calls extends Pick<Manager, "status" | "reload" | "scale" | "stop"> {
  /** @returns when the worker has ended and, with `refork`, the cluster is complete again */
  killWorker(pid: number): Promise<void>;
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
