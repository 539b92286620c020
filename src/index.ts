export {
  ERROR_CODES,
  OptionError,
  RestartLimitError,
  SupervisorError,
  type SupervisorErrorCode,
  WorkerBootError,
  type WorkerExit,
} from "./errors.js";
export { answerLoadTest } from "./load/server.js";
export type { Logger } from "./option-checks.js";
export type { ClusterManagerOptions, StickyOptions } from "./options.js";
export type { LoadBalancingMethod } from "./policy/balance.js";
export {
  ClusterManager,
  type ClusterManagerEvents,
} from "./primary/cluster-manager.js";
export type {
  ClusterStatus,
  HangReport,
  ManagerPhase,
  WorkerStatus,
} from "./primary/control/status.js";
export { setupStickyMaster } from "./primary/setup-sticky-master.js";
export type { ReloadReport } from "./primary/supervision/reloads.js";
export type { WorkerVitals } from "./protocol.js";
export type { RunOnceContext, RunOnceFunction, RunOnceJob } from "./worker/jobs/job.js";
export { type RunOnceOptions, runOnce } from "./worker/jobs/run-once.js";
export type { EngineHost, EngineServer, SocketIoServer } from "./worker/sessions/engine.js";
export { type SetupWorkerOptions, setupWorker } from "./worker/setup-worker.js";
