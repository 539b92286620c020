import type { OtherNames } from "./nearest-name.js";

/** What pm2, node:cluster and other supervisors call the same thing. */
export const MANAGER_NAMES: OtherNames = {
  address: "host",
  entry: "exec",
  file: "exec",
  hostname: "host",
  https: "tls",
  instances: "count",
  killTimeout: "stopTimeout",
  listenTimeout: "workerInitTimeout",
  loadBalancingMethod: "stickyLoadBalancingMethod",
  log: "logger",
  maxMemoryRestart: "maxMemory",
  maxRestarts: "limit",
  memoryLimit: "maxMemory",
  nodeArgs: "execArgv",
  numWorkers: "count",
  processes: "count",
  respawn: "refork",
  restart: "refork",
  script: "exec",
  secure: "tls",
  shutdownTimeout: "stopTimeout",
  ssl: "tls",
  worker: "exec",
  workerCount: "count",
  workers: "count",
};

/**
 * Settings of node:cluster that Midway's bootstrap takes, too. The manager decides on them itself:
 * they are accepted, so that a bootstrap file needs no change, and have no effect.
 */
export const UNUSED_SETTINGS: readonly string[] = [
  "cwd",
  "gid",
  "inspectPort",
  "serialization",
  "silent",
  "stdio",
  "uid",
  "windowsHide",
];

/** What others call an option of `setupStickyMaster()`. */
export const STICKY_NAMES: OtherNames = {
  headersTimeout: "requestLineTimeout",
  method: "loadBalancingMethod",
  secure: "tls",
  stickyLoadBalancingMethod: "loadBalancingMethod",
};

/** What others call an option of `setupWorker()`. */
export const WORKER_NAMES: OtherNames = { proxies: "trustProxy", proxy: "trustProxy" };
