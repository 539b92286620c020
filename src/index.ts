export type {
  AdapterMessageEvent,
  DiagnosticsEvents,
  ForwardEvent,
  HandoffEvent,
  HandoffTakenEvent,
  LeaseEvent,
  ReloadEvent,
  SessionClosedEvent,
  SessionOpenedEvent,
  WorkerStateEvent,
} from "./diagnostics.js";
export {
  ERROR_CODES,
  OptionError,
  RestartLimitError,
  SupervisorError,
  type SupervisorErrorCode,
  WorkerBootError,
  type WorkerExit,
} from "./errors.js";
export type {
  Flow as ScriptFlow,
  Limits as ScriptLimits,
  LoadScript,
  Phase as ScriptPhase,
  Row as ScriptRow,
  Scenario as ScriptScenario,
  ScriptSocket,
  ScriptUser,
  Step as ScriptStep,
} from "./load/script/types.js";
export { answerLoadTest } from "./load/server.js";
export type {
  ClusterManagerEvents,
  ClusterStatus,
  HangReport,
  ManagerPhase,
  ReloadReport,
  WorkerStatus,
} from "./manager-contract.js";
export type { Logger } from "./options/checks.js";
export type {
  ClusterManagerOptions,
  ResolvedManagerOptions,
  Routing,
  StickyOptions,
} from "./options/options.js";
export type { LoadBalancingMethod } from "./policy/balance.js";
export { ClusterManager } from "./primary/cluster-manager.js";
export { setupStickyMaster } from "./primary/setup-sticky-master.js";
export type { MeshVitals, RecoveryVitals, RestoreOutcome } from "./protocol/mesh-messages.js";
export type { WorkerVitals } from "./protocol/messages.js";
export type { RunOnceContext, RunOnceFunction, RunOnceJob } from "./worker/jobs/job.js";
export { type RunOnceOptions, runOnce } from "./worker/jobs/run-once.js";
export type {
  EngineHost,
  EngineServer,
  PublicEngineServer,
  SocketIoNamespace,
  SocketIoServer,
} from "./worker/sessions/engine.js";
export { type SetupWorkerOptions, setupWorker } from "./worker/setup-worker.js";
