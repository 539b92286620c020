import cluster from "node:cluster";
import { readFileSync } from "node:fs";
import { SupervisorError } from "./errors.js";
import type { ClusterStatus, Manager, ReloadReport } from "./manager-contract.js";
import type { ResolvedManagerOptions } from "./options/options.js";

/** ms: how much longer than the manager pm2 should wait, and how often metrics are looked at. */
const MARGIN = 5_000;
const METRICS_INTERVAL = 1_000;

const RELOAD = "reload";

/** pm2 gives its settings to the process as environment variables. */
type Environment = Readonly<Record<string, string | undefined>>;

/** As much of the manager as pm2 needs. */
export interface Pm2Subject extends Pick<Manager, "status" | "reload" | "on" | "off"> {
  readonly options: Pick<ResolvedManagerOptions, "logger" | "stopTimeout" | "workerInitTimeout">;
}

type Metrics = Record<string, { value: number | string; historic: boolean }>;

/** What pm2 understands on the IPC channel, besides `"ready"`. */
type ToPm2 =
  | { type: "axm:monitor"; data: Metrics }
  | { type: "axm:action"; data: { action_name: string; action_type: "custom"; arity: number } }
  | { type: "axm:reply"; data: { action_name: string; return: string } };

/** Whether a process is a cluster worker of pm2. `pidFile`: what pm2's file says, if it is there. */
export function isPm2Cluster(
  { exec_mode }: Environment,
  self: { isClusterWorker: boolean; pid: number; pidFile: string | undefined },
): boolean {
  if (!self.isClusterWorker || exec_mode !== "cluster_mode") return false;
  // Workers of a cluster that pm2's worker has started inherit its environment.
  return self.pidFile === undefined || Number(self.pidFile) === self.pid;
}

/** One line for each of pm2's settings that does not fit the manager's options (ms). */
export function pm2Warnings(
  env: Environment,
  { stopTimeout, workerInitTimeout }: Omit<Pm2Subject["options"], "logger">,
): string[] {
  if (env.pm_id === undefined || env.exec_mode !== "fork_mode") return [];
  const warnings: string[] = [];
  const kill = setting(env, "kill_timeout", "PM2_KILL_TIMEOUT", 1_600);
  if (kill.ms < stopTimeout) {
    warnings.push(
      `${kill.text}, but stopping may take ${stopTimeout} ms (stopTimeout), ` +
        `and pm2 would kill the primary meanwhile: set kill_timeout to ${stopTimeout + MARGIN}`,
    );
  }
  const listen = setting(env, "listen_timeout", "PM2_GRACEFUL_LISTEN_TIMEOUT", 3_000);
  if (env.wait_ready === "true" && listen.ms < workerInitTimeout) {
    warnings.push(
      `${listen.text}, but workers may take ${workerInitTimeout} ms to be ` +
        "ready (workerInitTimeout), and pm2 would call the app online before they are: set " +
        `listen_timeout to ${workerInitTimeout + MARGIN}`,
    );
  }
  if (env.treekill === "true") {
    warnings.push(
      "pm2's treekill is true, so pm2 signals the workers too, and one that ends by itself then " +
        "ends its sessions before the primary has stopped it in order: set treekill to false",
    );
  }
  return warnings;
}

/** A time of pm2 (ms), for which 0 is as good as nothing; `variable` changes pm2's default. */
function setting(env: Environment, name: string, variable: string, byDefault: number) {
  const set = Number(env[name]) || Number(env[variable]);
  const ms = set || byDefault;
  return { ms, text: `pm2's ${name} is ${ms} ms${set ? "" : " by default"}` };
}

/** As much of a status as pm2 shows. */
type Counted = Pick<ClusterStatus, "count" | "restarts" | "sessions"> & {
  workers: readonly Pick<ClusterStatus["workers"][number], "state">[];
};

export function pm2Metrics({ count, restarts, sessions, workers }: Counted): Metrics {
  const ready = workers.filter(({ state }) => state === "ready").length;
  return {
    workers: { value: `${ready}/${count}`, historic: false },
    sessions: { value: sessions, historic: true },
    restarts: { value: restarts, historic: true },
  };
}

/** Whether a message is what `pm2 trigger <name> reload` sends, with a parameter or without. */
export function asksForReload(message: unknown): boolean {
  return message === RELOAD || (message as { msg?: unknown } | null)?.msg === RELOAD;
}

/** A reload in one line. */
export function reloadSummary({
  generation,
  replaced,
  duration,
  sessionsMoved,
}: ReloadReport): string {
  const workers = `${replaced.length} workers replaced in ${duration} ms`;
  return `generation ${generation}: ${workers}, ${sessionsMoved} sessions moved`;
}

/**
 * Under pm2 in fork mode: warns of settings that do not fit, shows metrics, and offers the action
 * "reload". Elsewhere it does nothing.
 *
 * @returns a function that ends it
 */
export function joinPm2(manager: Pm2Subject): () => void {
  const { logger } = manager.options;
  for (const line of pm2Warnings(process.env, manager.options)) {
    logger.warn(`[socket-supervisor] ${line}`);
  }
  if (process.env.pm_id === undefined || process.send === undefined) return () => {};

  let sent = "";
  const report = (): void => {
    const data = pm2Metrics(manager.status());
    const text = JSON.stringify(data);
    if (text !== sent) send({ type: "axm:monitor", data });
    sent = text;
  };
  let unanswered = 0;
  const reply = (text: string): void => {
    if (unanswered === 0) return;
    unanswered--;
    send({ type: "axm:reply", data: { action_name: RELOAD, return: text } });
  };
  const onMessage = (message: unknown): void => {
    if (!asksForReload(message)) return;
    unanswered++;
    manager.reload().then(
      (done) => reply(reloadSummary(done)),
      (error: Error) => reply(error.message),
    );
  };
  send({ type: "axm:action", data: { action_name: RELOAD, action_type: "custom", arity: 1 } });
  report();
  const timer = setInterval(report, METRICS_INTERVAL).unref();
  manager.on("worker:ready", report);
  manager.on("worker:exit", report);
  process.on("message", onMessage);
  return () => {
    clearInterval(timer);
    manager.off("worker:ready", report);
    manager.off("worker:exit", report);
    process.off("message", onMessage);
    // Who triggered it waits until there is an answer.
    while (unanswered > 0) reply("The manager was stopped before the reload was done.");
  };
}

/** Without pm2 the primary goes on, as everything does that pm2 runs. */
function send(message: ToPm2): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

/** @throws SupervisorError `ERR_SUPERVISOR_PM2_CLUSTER` where pm2 is the primary of its workers */
export function refusePm2Cluster(): void {
  const { env, pid } = process;
  if (!isPm2Cluster(env, { isClusterWorker: cluster.isWorker, pid, pidFile: pidFile(env) })) return;
  const error = new SupervisorError(
    "ERR_SUPERVISOR_PM2_CLUSTER",
    "pm2 runs this in its cluster mode: pm2 is the primary then, and cannot keep sessions together. " +
      'Use fork mode with one instance, which forks the workers itself: exec_mode: "fork", ' +
      "instances: 1, no -i on the command line. The number of workers is the option count. " +
      "pm2 remembers the mode: `pm2 delete` the app before you start it again.",
  );
  // Else pm2 keeps the process of an ES module, and ends that of a CommonJS module with 0 and its
  // log unwritten. Where there is no log to wait for, a second has to do.
  const exit = (): void => {
    process.stderr.write("", "utf8", () => process.exit(1));
    setTimeout(() => process.exit(1), 1_000);
  };
  process.once("uncaughtException", exit);
  process.on("unhandledRejection", (reason) => reason === error && exit());
  throw error;
}

function pidFile({ pm_pid_path }: Environment): string | undefined {
  try {
    return readFileSync(pm_pid_path ?? "", "utf8");
  } catch {
    return undefined;
  }
}
