import { once } from "node:events";
import { readdirSync } from "node:fs";
import { request } from "node:http";
import type { ClusterStatus } from "../manager-contract.js";
import { controlDirs, findControlSocket } from "../system/control-path.js";
import { checkFolder } from "../system/own-files.js";

/** How long a cluster may take to answer (ms). */
const TIMEOUT = 2_000;

export interface Listed {
  name: string;
  /** Of its control socket. */
  path: string;
  status: ClusterStatus;
}

/** All clusters of this user that answer, by name. */
export async function runningClusters(): Promise<Listed[]> {
  const found = await Promise.all(
    socketNames().map(async (name) => {
      const { path, refused } = findControlSocket(name);
      const status = refused.length > 0 ? undefined : await statusOf(path);
      return status === undefined ? [] : [{ name, path, status }];
    }),
  );
  return found.flat().sort((a, b) => a.name.localeCompare(b.name));
}

/** Names of all control sockets of this user, of clusters that are gone too. */
export function socketNames(): string[] {
  return controlDirs().flatMap((dir) => {
    try {
      checkFolder(dir);
      return readdirSync(dir)
        .filter((file) => file.endsWith(".sock"))
        .map((file) => file.slice(0, -".sock".length));
    } catch {
      return []; // no folder, or not this user's: no cluster of this user has run there
    }
  });
}

export function listTable(clusters: readonly Listed[]): string {
  if (clusters.length === 0) return "No cluster is running.\n";
  const rows = clusters.map(({ name, status }) => [
    name,
    status.phase,
    String(status.pid),
    `${status.workers.filter(({ state }) => state === "ready").length}/${status.count}`,
    String(status.sessions),
    String(status.restarts),
  ]);
  const all = [["name", "phase", "pid", "workers", "sessions", "restarts"], ...rows];
  const widths =
    all[0]?.map((_, n) => Math.max(...all.map((cells) => cells[n]?.length ?? 0))) ?? [];
  const lines = all.map((cells) =>
    cells
      .map((cell, n) => (n < 2 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0)))
      .join("  "),
  );
  return `${lines.join("\n")}\n`;
}

/** @returns `undefined` when nobody answers there */
async function statusOf(path: string): Promise<ClusterStatus | undefined> {
  const req = request({ socketPath: path, path: "/status", timeout: TIMEOUT });
  req.once("timeout", () => req.destroy(new Error("timeout")));
  req.end();
  try {
    const [res] = (await once(req, "response")) as [import("node:http").IncomingMessage];
    let text = "";
    for await (const chunk of res.setEncoding("utf8")) text += chunk;
    return JSON.parse(text) as ClusterStatus;
  } catch {
    return undefined; // left behind, or just ending
  }
}
