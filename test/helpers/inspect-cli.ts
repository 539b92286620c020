import type { Test } from "tap";
import type { WorkerStatus } from "../../src/index.js";
import { cli } from "./cli.js";
import type { TestCluster } from "./cluster.js";

/** The line of the CLI's answer that has the URL. */
export const URL_LINE = /^ws:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]{36}$/m;

/** For `run` in a worker: stops its event loop from the next turn on. */
export const BLOCK = `
  function reticulateSplines() { const end = Date.now() + 60000; while (Date.now() < end); }
  setTimeout(() => { reticulateSplines(); }, 0);`;

/** Opens a worker's inspector with the CLI; its URL. */
export async function inspect(t: Test, name: string, worker: number | string): Promise<string> {
  const { code, stdout, stderr } = await cli(t, "inspect", String(worker), "--name", name);
  if (code !== 0) throw new Error(stderr);
  return URL_LINE.exec(stdout)?.[0] ?? "";
}

export async function workerOf(
  cluster: TestCluster,
  pid: number,
): Promise<WorkerStatus | undefined> {
  return (await cluster.status()).workers.find((worker) => worker.pid === pid);
}

/** Waits until the primary says that the worker is in this state. */
export async function inState(cluster: TestCluster, pid: number, state: string): Promise<void> {
  while ((await workerOf(cluster, pid))?.state !== state) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
