import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Test } from "tap";
import { blocksOf } from "./docs-code.js";
import { installed } from "./installed.js";
import { freePort } from "./proxies.js";
import { run, type Spawned, start } from "./spawned.js";

/** The programs of a page, in a folder where they run as a reader would run them. */
export interface PageApp {
  dir: string;
  port: number;
  url: string;
  /** What stands for the 7002 of the page. */
  statusPort: number;
  /** Starts a command line of the page; `npx` and `node` are the ones of this machine. */
  start(command: string): Spawned;
  /** The same, to its end. Rejects unless the exit code is 0. */
  run(command: string): Promise<{ stdout: string; stderr: string }>;
  /** Starts a command line of the page, and waits until the cluster says that it is ready. */
  ready(command: string): Promise<Spawned>;
}

/** Whatever runs on this machine has the ports of the pages; the same free one stands for them. */
const PORTS = /\b(7001|7002|3000)\b/g;

/** @param others what the page has one install beside the package and socket.io */
export async function pageApp(
  t: Test,
  page: string,
  others: readonly string[] = [],
): Promise<PageApp> {
  const dir = await installed(t, others);
  const ports = new Map<string, number>();
  for (const port of ["7001", "7002", "3000"]) ports.set(port, await freePort());
  const here = (text: string) => text.replace(PORTS, (port) => String(ports.get(port)));
  const blocks = blocksOf(page);
  for (const { name, code } of blocks) {
    if (name !== undefined && !name.includes("/")) await writeFile(join(dir, name), here(code));
  }
  const port = ports.get(blocks.some(({ code }) => code.includes("7001")) ? "7001" : "3000") ?? 0;
  const env = { XDG_RUNTIME_DIR: dir, TMPDIR: dir };
  const words = (command: string): [string, string[]] => ["sh", ["-c", `exec ${here(command)}`]];
  const begin = (command: string) => start(t, ...words(command), env, dir);
  return {
    dir,
    port,
    url: `http://127.0.0.1:${port}`,
    statusPort: ports.get("7002") ?? 0,
    start: begin,
    run: (command) => {
      const { PATH, HOME } = process.env;
      return run(...words(command), { cwd: dir, env: { PATH, HOME, ...env } });
    },
    ready: async (command) => {
      const running = begin(command);
      await running.says(/ is ready: \d+ workers?\n|: \d+ workers? on http/);
      return running;
    },
  };
}
