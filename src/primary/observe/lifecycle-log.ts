import { describeExit, type WorkerExit } from "../../errors.js";
import type { ReloadEvents } from "../../manager-contract.js";
import type { Logger } from "../../options/checks.js";
import { type LogFields, writeLine } from "../../options/log-lines.js";
import type { Death } from "../supervision/pool-events.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { Observed } from "./journal.js";

/** A pool, as far as its life is told. */
export interface LivingPool {
  readonly count: number;
  on(event: "ready", listener: (handle: WorkerHandle) => void): unknown;
  on(event: "exit", listener: (handle: WorkerHandle, exit: WorkerExit) => void): unknown;
  on(event: "died", listener: (death: Death) => void): unknown;
  on(event: "replaced", listener: (old: WorkerHandle, next: WorkerHandle) => void): unknown;
  on(event: "settled", listener: () => void): unknown;
}

/** Tells in the log what becomes of the workers: one line for each event, as long as both live. */
export function logLifecycle(pool: LivingPool, manager: Observed, logger: Logger): void {
  const tell = (method: "info" | "warn", text: string, fields: LogFields): void =>
    writeLine(logger, method, text, fields);
  /** Those whose death has been told, before their exit is. */
  const dead = new WeakSet<WorkerHandle>();
  let count: number | undefined;
  let reloading = false;

  pool.on("ready", (handle) => {
    const { pid, generation } = handle;
    const after = Math.round(performance.now() - handle.startedAt);
    const text = `worker ${pid} is ready after ${after} ms, generation ${generation}`;
    tell("info", text, { event: "worker:ready", pid, generation, after });
  });
  pool.on("died", ({ handle, exit, wasReady, lived, replacedIn }) => {
    dead.add(handle);
    const { pid, exitCode: code, signal } = exit;
    const when = wasReady ? `after ${seconds(lived)}` : "before it was ready";
    const text = `worker ${pid} ${describeExit(exit)} ${when}; ${next(replacedIn)}`;
    tell("warn", text, { event: "worker:died", pid, code, signal, lived, replacedIn });
  });
  pool.on("exit", (handle, exit) => {
    // There may have been no process at all: it is told once that none can be started.
    if (dead.has(handle) || exit.pid === undefined) return;
    const { pid, exitCode: code, signal } = exit;
    const lived = Math.round(performance.now() - handle.startedAt);
    const ended = code === 0 ? "ended" : describeExit(exit);
    const text = `worker ${pid} ${ended} after ${seconds(lived)}`;
    tell("info", text, { event: "worker:ended", pid, code, signal, lived });
  });
  pool.on("replaced", (old, successor) => {
    if (reloading) return; // its own lines say more
    const text = `worker ${successor.pid} takes the place of ${old.pid}, which uses too much memory`;
    tell("info", text, { event: "worker:recycled", pid: old.pid, successor: successor.pid });
  });
  pool.on("settled", () => {
    if (count !== undefined && count !== pool.count) {
      const text = `scaled from ${count} to ${pool.count} workers`;
      tell("info", text, { event: "scaled", from: count, to: pool.count });
    }
    count = pool.count;
  });
  manager.on("reload:start", ({ generation, workers }) => {
    reloading = true;
    const text = `reload of ${workers} workers begins, generation ${generation}`;
    tell("info", text, { event: "reload:start", generation, workers });
  });
  manager.on("reload:progress", ({ generation, replaced, workers }) => {
    const text = `reload: ${replaced} of ${workers} workers replaced`;
    tell("info", text, { event: "reload:progress", generation, replaced, workers });
  });
  manager.on("reload:done", (report: ReloadEvents["reload:done"][0]) => {
    reloading = false;
    const { generation, replaced, duration, sessionsMoved } = report;
    const text =
      `reload done in ${seconds(duration)}: ${replaced.length} workers replaced, ` +
      `${sessionsMoved} sessions moved`;
    const fields = { generation, replaced: replaced.length, duration, sessionsMoved };
    tell("info", text, { event: "reload:done", ...fields });
  });
  manager.on("reload:failed", (error) => {
    reloading = false;
    // Its error is told by whoever finds it.
    const text = "the reload is given up: workers that are not replaced stay";
    tell("warn", text, { event: "reload:failed", code: error.code });
  });
}

function next(replacedIn: number | undefined): string {
  if (replacedIn === undefined) return "it is not replaced";
  return replacedIn === 0 ? "the next one starts" : `the next one starts in ${replacedIn} ms`;
}

function seconds(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1_000)} s`;
}
