import cluster from "node:cluster";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** ms */
const REPLACEMENT = 10_000;

/** The processes of a cluster that node:cluster knows. */
export function clusterProcesses() {
  const workers = Object.values(cluster.workers).map(({ process: { pid } }) => pid);
  return [
    { pid: process.pid, role: "primary" },
    ...workers.map((pid) => ({ pid, role: "worker" })),
  ];
}

/** Resolves when `count` further workers have said "up". */
export function workersUp(count) {
  return new Promise((resolve) => {
    const onMessage = (_, message) => {
      if (message !== "up" || --count > 0) return;
      cluster.off("message", onMessage);
      resolve();
    };
    cluster.on("message", onMessage);
  });
}

/**
 * What users of peers without a reload do: each worker is told to end, and the next one's turn
 * comes when its replacement is up.
 */
export async function endOneByOne() {
  for (const worker of Object.values(cluster.workers)) {
    const up = workersUp(1);
    const exit = once(worker, "exit");
    worker.process.kill("SIGTERM");
    await exit;
    const isUp = await Promise.race([up.then(() => true), delay(REPLACEMENT, false)]);
    if (!isUp) throw new Error(`a worker was not replaced within ${REPLACEMENT / 1_000} s`);
  }
}
