import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import t from "tap";
import { connectClient } from "../helpers/clients.js";
import { isAlive } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { childrenOf, start } from "../helpers/spawned.js";

const bootstrap = (env: Record<string, string>) =>
  start(t, process.execPath, ["bootstrap.js"], { HOST: "127.0.0.1", ...env });

t.test(
  "node bootstrap.js says where it is when it is ready, and serves page and clients",
  async (t) => {
    const running = bootstrap({ PORT: "0", WORKERS: "3" });
    const [, url = ""] = await running.says(/^(http:\S+) is ready: 3 workers\n/m);
    const [last = "", ...others] = running.stdout.trim().split("\n").reverse();
    t.match(last, /^http/);
    for (const line of others) t.match(line, /^\[socket-supervisor\] worker \d+ is ready after/);
    const page = await fetch(url);
    t.equal(page.status, 200);
    t.match(await page.text(), /<html/);
    t.equal((await fetch(`${url}/socket.io/socket.io.js`)).status, 200);
    const socket = await connectClient(t, url);
    t.ok(socket.connected);
    t.equal((await childrenOf(running.child.pid)).length, 3);
  },
);

t.test("WORKERS and PORT are refused when they are wrong, with the reason", async (t) => {
  for (const [name, value] of [
    ["PORT", "abc"],
    ["PORT", "65536"],
    ["PORT", "-1"],
    ["PORT", ""],
    ["WORKERS", "0"],
    ["WORKERS", "1.5"],
    ["WORKERS", "many"],
  ] as const) {
    const refused = bootstrap({ [name]: value });
    t.same(await refused.exit(), { code: 1, signal: null });
    t.match(refused.stderr, `${name} must be a whole number`);
    t.match(refused.stderr, JSON.stringify(value));
    t.equal(refused.stdout, "");
  }
});

t.test("a port in use is a clear error, and leaves no worker", async (t) => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  t.teardown(() => holder.close());
  const { port } = holder.address() as AddressInfo;
  const refused = bootstrap({ PORT: String(port), WORKERS: "2" });
  const seen = new Set<number>();
  while (refused.child.exitCode === null) {
    for (const pid of await childrenOf(refused.child.pid)) seen.add(pid);
  }
  await refused.exit();
  t.equal(refused.child.exitCode, 1);
  t.match(refused.stderr, `127.0.0.1:${port} is in use by another process.`);
  t.notMatch(refused.stderr, /\n\s+at /, "no stack trace");
  t.notOk([...seen].some(isAlive));
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  const skip = signal === "SIGTERM" ? false : onlyInGate;
  t.test(`${signal} stops it in order: exit code 0, nothing left`, { skip }, async (t) => {
    const running = bootstrap({ PORT: "0", WORKERS: "2" });
    const [, url = ""] = await running.says(/^(http:\S+)/m);
    const sockets = await Promise.all([
      connectClient(t, url, "polling", { reconnection: false }),
      connectClient(t, url, "websocket", { reconnection: false }),
    ]);
    const reasons = sockets.map(
      (socket) => new Promise((resolve) => socket.once("disconnect", resolve)),
    );
    const workers = await childrenOf(running.child.pid);
    running.child.kill(signal);
    t.same(await running.exit(), { code: 0, signal: null });
    t.notOk(workers.some(isAlive));
    t.same(await Promise.all(reasons), ["transport close", "transport close"]);
  });

  t.test(
    `${signal} to the whole group, as a terminal sends it, is the same`,
    { skip: onlyInGate },
    async (t) => {
      const running = bootstrap({ PORT: "0", WORKERS: "2" });
      await running.says(/^http/m);
      const workers = await childrenOf(running.child.pid);
      process.kill(-(running.child.pid ?? 0), signal);
      t.same(await running.exit(), { code: 0, signal: null });
      t.notOk(workers.some(isAlive));
      t.notMatch(running.stderr, /rror/);
    },
  );

  t.test(
    `${signal} while it starts: exit code 0, nothing left`,
    { skip: onlyInGate },
    async (t) => {
      const running = bootstrap({ PORT: "0", WORKERS: "2" });
      let workers: number[] = [];
      while (workers.length < 2) workers = await childrenOf(running.child.pid);
      running.child.kill(signal);
      t.same(await running.exit(), { code: 0, signal: null });
      t.notOk(workers.some(isAlive));
    },
  );
}
