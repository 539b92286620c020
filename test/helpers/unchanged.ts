import { once } from "node:events";
import { join } from "node:path";
import type { Socket } from "socket.io-client";
import type { Test } from "tap";
import { newName } from "./cli.js";
import { connectClient } from "./clients.js";
import { fixture } from "./cluster.js";
import { freePort } from "./proxies.js";
import { ROOT, type Spawned, start } from "./spawned.js";

export interface Unchanged {
  running: Spawned;
  port: number;
  name: string;
}

/** Starts a server of test/fixtures/unchanged by the command; does not wait for it. */
export async function launchUnchanged(
  t: Test,
  file: string,
  flags: string[] = ["--workers", "3"],
  env: Record<string, string> = {},
  node: string[] = [],
  cwd = ROOT,
  exec = process.execPath,
): Promise<Unchanged> {
  const port = await freePort();
  const name = newName();
  const path = file.startsWith("/") ? file : fixture(`unchanged/${file}`);
  const args = [...node, join(ROOT, "dist/cli.js"), "start", path, "--name", name, ...flags];
  const running = start(t, exec, args, { PORT: String(port), ...env }, cwd);
  return { running, port, name };
}

/** The same; waits until the command says that it runs. */
export async function startUnchanged(
  ...args: Parameters<typeof launchUnchanged>
): Promise<Unchanged> {
  const unchanged = await launchUnchanged(...args);
  await unchanged.running.says(/^\[socket-supervisor\] .* workers? on http/m);
  return unchanged;
}

/**
 * Connects 30 clients in all three ways, and holds that they are spread over 3 workers, and that
 * what one shouts reaches all.
 */
export async function thirtyClients(
  t: Test,
  url: string,
  options: Parameters<typeof connectClient>[3] = {},
): Promise<void> {
  const ways = ["polling", "websocket", "upgrade"] as const;
  const clients = await Promise.all(
    Array.from({ length: 30 }, (_, n) => connectClient(t, url, ways[n % 3], options)),
  );
  const pids = await Promise.all(
    clients.map((client) => client.timeout(20_000).emitWithAck("pid")),
  );
  t.equal(new Set(pids).size, 3, "three workers serve them");
  const heard = clients.map((client) => once(client as Socket & NodeJS.EventEmitter, "shout"));
  clients[0]?.emit("shout", "hello");
  t.strictSame(
    await Promise.all(heard),
    clients.map(() => ["hello"]),
    "a broadcast reaches all",
  );
  for (const client of clients) client.disconnect();
}
