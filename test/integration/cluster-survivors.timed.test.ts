import { once } from "node:events";
import type { Socket } from "socket.io-client";
import t, { type Test } from "tap";
import { connectClient, runIn } from "../helpers/clients.js";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { next } from "../helpers/heard.js";
import { pidOf, trio } from "../helpers/trio.js";
import { Waits } from "../helpers/waits.js";

/** All timeouts of the requests here are 5 s or more. */
const SOON = 3_000;

const fetchIds = (where: Socket): Promise<string[]> =>
  runIn(where, "return (await io.fetchSockets()).map(({ id }) => id).sort()");

const ids = (...clients: Socket[]) => clients.map(({ id }) => id).sort();

/** Resolves with the time at which the adapters of a worker have forgotten one of another worker. */
const forgotten = (where: Socket, nsp: string, uid: string): Promise<number> =>
  runIn(
    where,
    `const { servers, nodesMap } = io.of(args[0]).adapter; // of either adapter
    while ((servers ?? nodesMap).has(args[1])) await new Promise((resolve) => setTimeout(resolve, 1));
    return Date.now();`,
    nsp,
    uid,
  );

const uidOf = (where: Socket, nsp: string): Promise<string> =>
  runIn(where, "return io.of(args[0]).adapter.uid", nsp);

const waits = new Waits(100, SOON);

const DEATHS = {
  "was killed": `process.kill(process.pid, "SIGKILL")`,
  "gave up": "process.exit(1)",
  "threw an error": `setImmediate(() => { throw new Error("on purpose"); })`,
};

for (const [what, code] of Object.entries(DEATHS)) {
  t.test(`C2 survivors know soon that a worker ${what}`, async (t) => {
    const cluster = await startCluster(t, { options: { refork: false } });
    const [a, b, c] = await trio(t, cluster);
    const nsps = ["/", "/custom"];
    const uids = await Promise.all(nsps.map((nsp) => uidOf(c, nsp)));
    const exit = once(cluster, "worker:exit");
    const times = [a, b].flatMap((where) =>
      nsps.map((nsp, i) => forgotten(where, nsp, uids[i] ?? "")),
    );
    runIn(c, code).catch(() => {}); // it may not live to answer
    const [{ at }] = await exit;
    for (const time of await Promise.all(times)) {
      waits.add(t, time - at, "after worker:exit");
    }
    for (const where of [a, b]) {
      t.equal(await runIn(where, `return await io.of("/").adapter.serverCount() - 1`), 1);
    }
  });
}

t.test("C2 it was hardly ever longer than 100 ms", async (t) => waits.check(t));

t.test("C2 a worker that died is not expected by later requests", async (t) => {
  const cluster = await startCluster(t, { options: { refork: false } });
  const [a, b, c] = await trio(t, cluster);
  for (const client of [a, b, c]) {
    client.on("ask", (ack) => ack(client.id));
    await runIn(client, `io.on("ask", (ack) => ack(args[0]))`, client.id);
  }
  // It dies while it has a lot to say, some of which still arrives.
  runIn(
    c,
    `for (let i = 0; i < 5_000; i++) io.emit("flood", "x".repeat(100));
    process.kill(process.pid, "SIGKILL");`,
  ).catch(() => {}); // it does not live to answer
  await once(cluster, "worker:exit");

  for (const [where, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const start = performance.now();
    t.strictSame(await fetchIds(where), ids(a, b), "fetchSockets");
    t.strictSame(await runIn(where, `return io.serverSideEmitWithAck("ask")`), [other.id]);
    const answers = `return (await io.timeout(10_000).emitWithAck("ask")).sort()`;
    t.strictSame(await runIn(where, answers), ids(a, b), "broadcast with acknowledgements");
    const ms = performance.now() - start;
    t.ok(ms < SOON, `completed in ${Math.round(ms)} ms`);
  }
});

/** The longest silence of a worker whose loop of fetchSockets() reports each round (ms). */
async function longestRound(client: Socket, expected: Socket[]): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const round = (found: string[] | string) => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
    if (!expected.every(({ id = "" }) => found.includes(id))) throw new Error(`Found ${found}`);
  };
  client.on("round", round);
  const over = new Promise((resolve) => client.once("over", resolve).once("disconnect", resolve));
  await runIn(
    client,
    `globalThis.over = false;
    (async () => {
      while (!over && socket.connected) {
        const found = await io.fetchSockets().catch((error) => error);
        socket.emit("round", found.message ?? found.map(({ id }) => id));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      socket.emit("over");
    })();`,
  );
  await over;
  return Math.max(longest, performance.now() - last);
}

t.test("C2 requests do not stall while a worker is replaced", async (t) => {
  const cluster = await startCluster(t);
  const [a, b, c] = await trio(t, cluster);
  const rounds = Promise.all([a, b].map((client) => longestRound(client, [a, b])));
  await cluster.killWorker(pidOf(c));
  const newcomer = await clientOn(t, cluster, [a, b]);
  t.strictSame(await fetchIds(a), ids(a, b, newcomer));
  for (const client of [a, b]) await runIn(client, "globalThis.over = true");
  for (const ms of await rounds) t.ok(ms < SOON, `the longest took ${Math.round(ms)} ms`);
});

t.test("C2 requests do not stall while all workers are replaced", async (t) => {
  const cluster = await startCluster(t, { options: { drainTimeout: 500 } });
  const clients = await trio(t, cluster);
  const rounds = Promise.all(clients.map((client) => longestRound(client, [client])));
  await cluster.call("reload");
  for (const ms of await rounds) t.ok(ms < SOON, `the longest took ${Math.round(ms)} ms`);
  const replaced = await trio(t, cluster);
  for (const where of replaced) t.strictSame(await fetchIds(where), ids(...replaced));
});

/** A client on the worker that has none of the others. */
async function clientOn(t: Test, cluster: TestCluster, others: Socket[]): Promise<Socket> {
  const taken = await Promise.all(others.map((client) => client.emitWithAck("pid")));
  for (;;) {
    const client = await connectClient(t, cluster.port, "websocket", { reconnection: false });
    if (!taken.includes(await client.emitWithAck("pid"))) return client;
    client.disconnect();
  }
}

t.test("C2 a replacement takes part at once", async (t) => {
  const cluster = await startCluster(t, { exec: "looks-around.js" });
  const [a, b, c] = await trio(t, cluster);
  for (const client of [a, b]) client.on("ask", (ack) => ack(client.id));
  await cluster.killWorker(pidOf(c));

  const d = await clientOn(t, cluster, [a, b]);
  for (const where of [d, a, b]) {
    t.strictSame(await fetchIds(where), ids(a, b, d), "fetchSockets");
  }
  const found = await runIn<string[]>(d, "return foundWhenReady");
  t.strictSame(found.sort(), ids(a, b), "it saw the others' clients as soon as it was ready");

  d.on("ask", (ack) => ack(d.id));
  for (const where of [d, a, b]) {
    const answers = `return (await io.timeout(10_000).emitWithAck("ask")).sort()`;
    t.strictSame(await runIn(where, answers), ids(a, b, d), "broadcast with acknowledgements");
    const custom = `return (await io.of("/custom").fetchSockets()).length`;
    t.equal(await runIn(where, custom), 0, "in other namespaces, too");
  }
  const got = Promise.all([a, b, d].map((client) => next(client, "news")));
  await runIn(d, `io.emit("news", 1)`);
  t.strictSame(await got, [[1], [1], [1]]);
});
