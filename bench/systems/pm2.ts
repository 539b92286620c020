import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "./node-system.js";
import type { RunningSystem, ServerProcess } from "./system.js";

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const PM2 = here("../peers/node_modules/@socket.io/pm2/bin/pm2");

export function pm2Missing(): string | undefined {
  return existsSync(PM2) ? undefined : "not installed: npm ci --prefix bench/peers";
}

/** The patched pm2: its daemon is the primary. */
export async function startPm2(workers: number): Promise<RunningSystem> {
  const home = mkdtempSync(join(tmpdir(), "bench-pm2-"));
  const port = await freePort();
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, PM2_HOME: home, PM2_PORT: String(port), PM2_DISCRETE_MODE: "true" };
  const pm2 = async (...args: string[]): Promise<string> =>
    (await run(process.execPath, [PM2, ...args], { env })).stdout;
  await pm2(
    "start",
    here("pm2-worker.js"),
    "-i",
    String(workers),
    "--name",
    "bench",
    "--wait-ready",
  );
  await answers(port);
  return {
    port,
    async processes() {
      const list = JSON.parse(await pm2("jlist")) as { pid: number }[];
      const daemon = Number(readFileSync(join(home, "pm2.pid"), "utf8"));
      return [
        { pid: daemon, role: "primary" },
        ...list.map(({ pid }): ServerProcess => ({ pid, role: "worker" })),
      ];
    },
    async deploy() {
      await pm2("reload", "bench");
    },
    async stop() {
      await pm2("kill");
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function answers(port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`;
  for (const end = performance.now() + 20_000; ; await sleep(50)) {
    const res = await fetch(url).catch(() => undefined);
    await res?.text();
    if (res?.ok) return;
    if (performance.now() > end) throw new Error("pm2 does not answer");
  }
}
