import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import t from "tap";
import { connectClient } from "../helpers/clients.js";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { DebuggerSession } from "../helpers/inspector.js";

/** URLs of the workers' inspectors, once each of them has told. */
async function inspectors(cluster: TestCluster): Promise<Map<number, URL>> {
  for (;;) {
    const { workers, count } = await cluster.status();
    const urls = workers.flatMap(({ pid, state, inspector }) =>
      pid !== undefined && state === "ready" && inspector !== null
        ? [[pid, new URL(inspector)] as const]
        : [],
    );
    if (urls.length === count) return new Map(urls);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A port that another program has. */
async function takenPort(t: import("tap").Test): Promise<number> {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  t.teardown(() => holder.close());
  return (holder.address() as AddressInfo).port;
}

t.test("two clusters with the same --inspect: every worker has a port of its own", async (t) => {
  // node:cluster would give the first fork the next port, which is taken here.
  const taken = await takenPort(t);
  const execArgv = [`--inspect=127.0.0.1:${taken - 1}`];
  const clusters = [await startCluster(t, { execArgv }), await startCluster(t, { execArgv })];
  const ports = new Set<string>();
  for (const cluster of clusters) {
    for (const [pid, { href, hostname, port }] of await inspectors(cluster)) {
      t.equal(await (await DebuggerSession.open(t, href)).evaluate("process.pid"), pid);
      t.equal(hostname, "127.0.0.1");
      ports.add(port);
    }
  }
  t.equal(ports.size, 6);
  t.notOk(ports.has(String(taken)));
});

t.test("restarts do not use up the ports", async (t) => {
  const options = { backoffInitial: 1, backoffMax: 1 };
  const cluster = await startCluster(t, { execArgv: ["--inspect=127.0.0.1:65534"], options });
  for (let n = 0; n < 3; n++) {
    const [pid = 0] = await cluster.pids();
    await cluster.killWorker(pid);
  }
  t.equal((await inspectors(cluster)).size, 3);
  t.notMatch(cluster.output, /out of range|ERR_/);
  const socket = await connectClient(t, cluster.port);
  t.equal(await socket.emitWithAck("echo", 1), 1);
});

for (const flag of [
  "--inspect-brk",
  "--inspect-wait",
  "--inspect-brk=0.0.0.0:9300",
  "--inspect=0",
]) {
  t.test(`workers do not wait for a debugger with ${flag}`, async (t) => {
    // The primary would wait, and rightly: so only its workers get the flag.
    for (const options of [{ execArgv: [flag] }, { env: { NODE_OPTIONS: flag } }]) {
      const cluster = await startCluster(t, { count: 2, options });
      for (const [pid, { href }] of await inspectors(cluster)) {
        t.equal(await (await DebuggerSession.open(t, href)).evaluate("process.pid"), pid);
      }
      const socket = await connectClient(t, cluster.port);
      t.equal(await socket.emitWithAck("echo", 1), 1);
    }
  });
}

t.test("without --inspect no worker has an open inspector", async (t) => {
  const cluster = await startCluster(t, { count: 2 });
  t.strictSame(
    (await cluster.status()).workers.map(({ inspector }) => inspector),
    [null, null],
  );
  t.notMatch(cluster.output, "Debugger listening");
});

t.test("S4 a worker that stands at a breakpoint of --inspect is not killed", async (t) => {
  const cluster = await startCluster(t, {
    count: 1,
    execArgv: ["--inspect=0"],
    options: { hangTimeout: 2_500 },
  });
  const socket = await connectClient(t, cluster.port, "websocket");
  const [[pid, { href }] = [0, new URL("ws://none")]] = await inspectors(cluster);
  const session = await DebuggerSession.open(t, href);
  await session.call("Debugger.enable");
  const paused = session.event("Debugger.paused");
  socket.emit("run", { code: "debugger;" }, () => {});
  await paused;
  await new Promise((resolve) => setTimeout(resolve, 5_500));
  await session.call("Debugger.resume");
  t.equal(await socket.emitWithAck("pid"), pid);
  t.equal((await cluster.status()).restarts, 0);
});
