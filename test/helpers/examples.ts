import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { childrenOf, ROOT, run, type Spawned, start } from "./spawned.js";

/** The example applications that run on a server of some kind, by the file that starts them. */
export const EXAMPLES = {
  http: "examples/http/main.js",
  express: "examples/express/main.js",
  koa: "examples/koa/main.js",
  fastify: "examples/fastify/main.js",
  nestjs: "examples/nestjs/main.ts",
  midway: "examples/midway/bootstrap.js",
} as const;

/** An application that is up. */
export interface Application {
  running: Spawned;
  port: number;
  /** Pids of the workers. */
  workers: number[];
}

/** How an example says that it is started. */
export function commandOf(file: string): string {
  const command = /Start it with: (.+)/.exec(readFileSync(join(ROOT, file), "utf8"))?.[1];
  if (command === undefined) throw new Error(`${file} does not say how it is started`);
  return command;
}

/** Starts an example as it says, on a free port. It ends with the test. */
export async function startExample(t: Test, file: string, count: number): Promise<Application> {
  const steps = commandOf(file).split(" && ");
  const [node, ...args] = steps.pop()?.split(" ") ?? [];
  if (node !== "node") throw new Error(`${file} is started with something else than node`);
  for (const step of steps) {
    const [program = "", ...words] = step.split(" ");
    await run(program, words, { cwd: ROOT });
  }
  return startApplication(t, args, count);
}

/** Starts a program that says "http://localhost:<port> is ready", or more; it has `count` workers then. */
export async function startApplication(
  t: Test,
  args: string[],
  count: number,
  folder?: string,
): Promise<Application> {
  const running = plainNode(t, args, { PORT: "0", WORKERS: String(count) }, folder);
  const [, port] = await running.says(/^http:\/\/localhost:(\d+) is ready(?:: \d+ workers)?$/m);
  const workers = await childrenOf(running.child.pid);
  t.equal(workers.length, count);
  return { running, port: Number(port), workers };
}

/**
 * Runs Node without the loaders of the test runner, which it puts into NODE_OPTIONS: Midway takes
 * them for TypeScript mode.
 */
export function plainNode(
  t: Test,
  args: string[],
  env: Record<string, string> = {},
  folder = ROOT,
): Spawned {
  return start(t, "env", ["-C", folder, "-u", "NODE_OPTIONS", process.execPath, ...args], env);
}
