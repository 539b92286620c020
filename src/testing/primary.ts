/** The primary of a test cluster: a process of its own, which `primary-process.ts` forks and drives. */
import { once } from "node:events";
import { SupervisorError, WorkerBootError } from "../errors.js";
import { ClusterManager } from "../primary/cluster-manager.js";
import type { Calls, Failure, FromTestPrimary, ToTestPrimary } from "./messages.js";

/**
 * Whoever ran the tests is gone, however it ended: nothing may outlive it. This process leads a
 * group, in which its workers are.
 */
function end(): void {
  process.kill(-process.pid, "SIGKILL");
}

process.once("disconnect", end);
if (!process.connected) end(); // it was gone before this line

let manager: ClusterManager | undefined;

function running(): ClusterManager {
  if (manager === undefined) throw new Error("not started");
  return manager;
}

const calls: Calls = {
  status: () => running().status(),
  reload: () => running().reload(),
  scale: (count) => running().scale(count),
  stop: () => running().stop(),
  async killWorker(pid) {
    const cluster = running();
    const exit = new Promise<void>((resolve) => {
      cluster.on("worker:exit", (worker) => worker.process.pid === pid && resolve());
    });
    process.kill(pid, "SIGKILL");
    await exit;
    while (cluster.options.refork && !isComplete(cluster)) await once(cluster, "worker:ready");
  },
};

function isComplete(cluster: ClusterManager): boolean {
  const { count, workers } = cluster.status();
  return workers.filter(({ state }) => state === "ready").length >= count;
}

async function handle(message: ToTestPrimary): Promise<unknown> {
  if (message.type === "start") {
    manager = new ClusterManager(message.options);
    await manager.start();
    return manager.status().address?.port;
  }
  const call = calls[message.call] as (...args: unknown[]) => unknown;
  return call(...message.args);
}

function describe(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined };
  const { message, stack } = error;
  return {
    message,
    stack,
    ...(error instanceof SupervisorError && { code: error.code }),
    ...(error instanceof WorkerBootError && { boot: { exit: error.exit, why: error.why } }),
  };
}

const answer = (message: FromTestPrimary): void => {
  process.send?.(message);
};

process.on("message", (message: ToTestPrimary) => {
  const { id } = message;
  handle(message).then(
    (result) => answer({ type: "done", id, result }),
    (error) => answer({ type: "failed", id, failure: describe(error) }),
  );
});
