import type { Logger } from "../../options/checks.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";
import type { PoolSystem } from "./pool-system.js";

/** How long a worker that listens by itself may take to show that it takes connections (ms). */
export const LISTEN_GRACE = 1_000;

/**
 * Finds workers that `listen()` instead of calling `setupWorker()`, long before they are late: a
 * server that was never made for a cluster is the usual reason.
 *
 * A worker may well have a port of its own beside (metrics, say). One that has loaded this package
 * may still call `setupWorker()`, so it is only told of; any other one is ended.
 *
 * @param isOwn whether a worker is one of those that are looked after
 */
export function watchSelfListening(
  registry: Pick<WorkerRegistry, "on">,
  system: Pick<PoolSystem, "after">,
  { isOwn, logger }: { isOwn: (handle: WorkerHandle) => boolean; logger: Logger },
): void {
  let told = false;
  const look = (handle: WorkerHandle, port: number): void => {
    if (!isWaitedFor(handle)) return;
    if (!handle.hasPackage) {
      handle.refuse(port);
    } else if (!told) {
      told = true;
      const what = `worker ${handle.pid} ${listensItself(port)}`;
      logger.warn(`[socket-supervisor] ${what}. If another server does, all is well`);
    }
  };
  registry.on("listening", (handle, port) => {
    if (isOwn(handle) && isWaitedFor(handle)) system.after(LISTEN_GRACE, () => look(handle, port));
  });
}

/** What is wrong with such a worker, and what to do. */
export function listensItself(port: number): string {
  return (
    `listens on port ${port} by itself, and has not called setupWorker(io). The primary listens, and ` +
    "hands connections over: call await setupWorker(io) in the worker's file, instead of listen()"
  );
}

function isWaitedFor({ state, isOurs, terms }: WorkerHandle): boolean {
  return state === "starting" && !isOurs && terms.requiresAdoption;
}
