import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Test } from "tap";
import { type ClusterSetup, startCluster } from "./cluster.js";
import { ROOT, start } from "./spawned.js";

/** For a cluster of one test: the control sockets of all clusters are in one folder. */
export const newName = (): string => `cli-test-${randomBytes(4).toString("hex")}`;

/** Runs the CLI to its end. */
export async function cli(t: Test, ...args: string[]) {
  const running = start(t, process.execPath, [join(ROOT, "dist/cli.js"), ...args]);
  const { code } = await running.exit();
  return { code, stdout: running.stdout, stderr: running.stderr };
}

/** A cluster with a name of its own. */
export async function named(t: Test, setup: ClusterSetup = {}) {
  const name = newName();
  const cluster = await startCluster(t, { ...setup, options: { name, ...setup.options } });
  return { name, cluster };
}
