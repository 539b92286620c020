import type { Socket } from "socket.io-client";
import t, { type Test } from "tap";
import { clientPerWorker, runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { type Heard, heard, heardOf } from "../helpers/heard.js";

const cluster = await startCluster(t);
const clients = await clientPerWorker(t, cluster.port, 3);
const news: Heard = ["news", 1];

/** The same connections in another namespace, while the test runs. */
async function enter(t: Test, name: string, who = clients): Promise<Socket[]> {
  const sockets = who.map((client) => client.io.socket(name));
  t.teardown(() => {
    for (const socket of sockets) socket.disconnect();
  });
  for (const socket of sockets) await socket.timeout(15_000).emitWithAck("echo", 1);
  return sockets;
}

/** Resolves when the namespace's adapter of each worker knows those of `peers` other workers. */
async function acquainted(name: string, peers: number, who = clients): Promise<void> {
  for (const client of who) {
    await runIn(
      client,
      `const { servers, nodesMap } = io.of(args[0]).adapter; // of either adapter
      while ((servers ?? nodesMap).size !== args[1]) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }`,
      name,
      peers,
    );
  }
}

/** What spans workers in the main namespace does it in this one. */
async function spansWorkers(t: Test, name: string, sockets: Socket[]): Promise<void> {
  const ids = sockets.map(({ id }) => id);
  const [x, y, z] = sockets as [Socket, Socket, Socket];
  for (const sender of clients) {
    const listen = (code: string, ...args: unknown[]) =>
      heard(
        sockets,
        [sender],
        () => runIn(sender, `const nsp = io.of(args[0]); ${code}`, name, ...args),
        name,
      );
    t.strictSame(await listen(`nsp.emit("news", 1)`), [[news], [news], [news]], "emit");
    const some = `nsp.in(args[1]).socketsJoin("room"); nsp.to("room").emit("news", 1);`;
    t.strictSame(await listen(some, [x.id, y.id]), [[news], [news], []], "socketsJoin, to");
    const fewer = `nsp.in(args[1]).socketsLeave("room"); nsp.to("room").emit("news", 1);`;
    t.strictSame(await listen(fewer, y.id), [[news], [], []], "socketsLeave");
    t.strictSame(await listen(`nsp.socketsLeave("room")`), [[], [], []]);
    t.strictSame(
      await listen(`nsp.local.except(args[1]).emit("news", 1)`, ids),
      [[], [], []],
      "local, except",
    );

    const found = "return (await io.of(args[0]).fetchSockets()).map(({ id }) => id).sort()";
    t.strictSame(await runIn(sender, found, name), [...ids].sort(), "fetchSockets");

    for (const socket of sockets) socket.once("ask", (ack) => ack(socket.id));
    const ask = `return (await io.of(args[0]).timeout(9_000).emitWithAck("ask")).sort()`;
    t.strictSame(await runIn(sender, ask, name), [...ids].sort(), "emitWithAck");
  }
  t.ok(z.connected);
}

t.test("C1 a custom namespace spans all workers", async (t) => {
  const sockets = await enter(t, "/custom");
  await spansWorkers(t, "/custom", sockets);
  const apart = await heardOf(clients, clients[0] as Socket, `io.of("/custom").emit("news", 1)`);
  t.strictSame(apart, [[], [], []], "and is apart from the main one");
});

t.test("C1 dynamic namespaces span all workers", async (t) => {
  for (const name of ["/dynamic-one", "/dynamic-two"]) {
    const sockets = await enter(t, name);
    await acquainted(name, 2);
    await spansWorkers(t, name, sockets);
  }
  const ones = clients.map((client) => client.io.socket("/dynamic-one"));
  const apart = await heard(
    ones,
    clients,
    () => runIn(clients[0] as Socket, `io.of("/dynamic-two").emit("news", 1)`),
    "/dynamic-one",
  );
  t.strictSame(apart, [[], [], []], "and are apart from each other");
});

t.test("C1 a dynamic namespace spans all workers from its first moment", async (t) => {
  for (const [i, newcomer] of clients.entries()) {
    const name = `/dynamic-first${i}`;
    const others = clients.filter((client) => client !== newcomer);
    await enter(t, name, others);
    await acquainted(name, 1, others);
    await runIn(
      newcomer,
      `io.once("new_namespace", (nsp) => {
        nsp.once("connection", async () => { globalThis.found = nsp.fetchSockets(); });
      });`,
    );
    await enter(t, name, [newcomer]);
    t.equal(await runIn(newcomer, "return (await found).length"), 3, "fetchSockets at once");
  }
});

t.test("C1 60 dynamic namespaces add no listeners to the process", async (t) => {
  const [a, b] = clients as [Socket, Socket];
  const listeners = () => runIn<number>(a, `return process.listenerCount("message")`);
  const before = await listeners();
  const names = Array.from({ length: 60 }, (_, i) => `/dynamic-many${i}`);
  for (const name of names) await enter(t, name, [a]);
  t.equal(await listeners(), before);

  const sockets = names.map((name) => a.io.socket(name));
  const got = Promise.all(
    sockets.map((socket) => new Promise((resolve) => socket.once("news", resolve))),
  );
  await runIn(b, `for (const [i, name] of args.entries()) io.of(name).emit("news", i)`, ...names);
  t.strictSame(
    await got,
    names.map((_, i) => i),
    "each gets its own messages",
  );
  t.notMatch(cluster.output, "MaxListenersExceededWarning");
});

t.test("C1 a dynamic namespace that ended is not waited for", async (t) => {
  const cleaning = await startCluster(t, {
    count: 2,
    env: { IO_OPTIONS: JSON.stringify({ cleanupEmptyChildNamespaces: true }) },
  });
  const [a, b] = (await clientPerWorker(t, cleaning.port, 2)) as [Socket, Socket];
  const listeners = () => runIn<number>(a, `return process.listenerCount("message")`);
  const before = await listeners();
  for (let round = 0; round < 3; round++) {
    const name = "/dynamic-short";
    const [ofA] = (await enter(t, name, [a, b])) as [Socket, Socket];
    await acquainted(name, 1, [a, b]);
    const count = "return (await io.of(args[0]).fetchSockets()).length";
    t.equal(await runIn(b, count, name), 2);
    ofA.disconnect();
    await acquainted(name, 0, [b]);
    const start = performance.now();
    t.equal(await runIn(b, count, name), 1);
    t.ok(performance.now() - start < 4_000, "without waiting for who left");
  }
  t.equal(await listeners(), before, "no listeners are left");
});
