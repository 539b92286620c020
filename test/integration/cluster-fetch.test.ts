import type { Socket } from "socket.io-client";
import t from "tap";
import { clientPerWorker, runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { type Heard, heard, heardOf, next } from "../helpers/heard.js";

const cluster = await startCluster(t);
const clients = await clientPerWorker(t, cluster.port, 3, "websocket", {
  auth: { token: "secret" },
  query: { from: "test" },
});
const [a, b, c] = clients as [Socket, Socket, Socket];
const news: Heard = ["news", 1];

const ids = (...sockets: (Socket | undefined)[]) => sockets.map((socket) => socket?.id).sort();
const fetchIds = (where: Socket, expression: string, ...args: unknown[]) =>
  runIn<string[]>(where, `return (await ${expression}).map(({ id }) => id).sort()`, ...args);

t.test("C1 fetchSockets finds the clients of all workers", async (t) => {
  await runIn(a, `socket.join(["x", "y"])`);
  await runIn(b, `socket.join("x")`);
  await runIn(c, `socket.join("y")`);
  for (const where of clients) {
    t.strictSame(await fetchIds(where, "io.fetchSockets()"), ids(a, b, c));
    t.strictSame(await fetchIds(where, `io.in("x").fetchSockets()`), ids(a, b), "of a room");
    t.strictSame(
      await fetchIds(where, `io.in("x").in("y").fetchSockets()`),
      ids(a, b, c),
      "of two",
    );
    t.strictSame(await fetchIds(where, `io.except("y").fetchSockets()`), ids(b), "except one");
    t.strictSame(await fetchIds(where, "io.in(args[0]).fetchSockets()", c.id), ids(c), "by id");
    t.strictSame(await fetchIds(where, `io.in("nobody").fetchSockets()`), [], "of no room");
    t.strictSame(await fetchIds(where, "io.local.fetchSockets()"), ids(where), "local");
    t.strictSame(await fetchIds(where, `io.timeout(9_000).fetchSockets()`), ids(a, b, c));
  }
});

t.test("C1 fetchSockets tells rooms, handshake and data", async (t) => {
  await runIn(
    b,
    `socket.join(["r1", "r2"]); socket.data.user = { name: "Ada", roles: ["admin"] };`,
  );
  const code = `
    const [{ rooms, handshake, data }] = await io.in(args[0]).fetchSockets();
    return { isSet: rooms instanceof Set, rooms: [...rooms], handshake, data };`;
  const pid = await runIn(b, "return process.pid");
  for (const where of clients) {
    const seen = await runIn<Record<string, unknown>>(where, code, b.id);
    t.match(seen, {
      isSet: true,
      handshake: { auth: { token: "secret" }, query: { from: "test" }, address: "127.0.0.1" },
      data: { pid, user: { name: "Ada", roles: ["admin"] } },
    });
    t.strictSame(new Set(seen.rooms as string[]), new Set(["x", "r1", "r2", b.id]));
  }
});

const remotely = <T>(where: Socket, id: string | undefined, code: string, ...args: unknown[]) =>
  runIn<T>(
    where,
    `const [remote] = await io.in(args[0]).fetchSockets();
    if ("conn" in remote) throw new Error("It is not remote");
    ${code}`,
    id,
    ...args,
  );

t.test("C1 a socket that lives elsewhere joins, leaves and gets messages", async (t) => {
  const members = () => heardOf(clients, a, `io.to("remote").emit("news", 1)`);
  await remotely(a, b.id, `remote.join("remote")`);
  t.strictSame(await members(), [[], [news], []], "join");
  await remotely(a, b.id, `remote.leave("remote")`);
  t.strictSame(await members(), [[], [], []], "leave");

  const buffer = Buffer.from([1, 2]);
  const got = await heard(clients, [a], () =>
    remotely(a, b.id, `remote.emit("direct", { buffer: args[1] })`, buffer),
  );
  t.strictSame(got, [[], [["direct", { buffer }]], []], "emit");
});

t.test("C1 a socket that lives elsewhere answers", async (t) => {
  b.once("question", (question, ack) => ack(`${question}!`));
  t.equal(
    await remotely(a, b.id, `return remote.timeout(9_000).emitWithAck("question", "well")`),
    "well!",
    "one answer, not a list",
  );
  t.strictSame(
    await remotely(
      a,
      b.id,
      `return new Promise((resolve) => {
        remote.timeout(100).emit("nobody listens", (error, value) => {
          resolve([error.message, value]);
        });
      })`,
    ),
    ["operation has timed out", null],
    "or not",
  );
});

t.test("C1 a socket that lives elsewhere is disconnected", async (t) => {
  const own = await clientPerWorker(t, cluster.port, 3, "websocket", { reconnection: false });
  const pids = await Promise.all(own.map((client) => client.emitWithAck("pid")));
  const client = own[pids.indexOf(await b.emitWithAck("pid"))] ?? b;
  const custom = client.io.socket("/custom");
  t.equal(await custom.emitWithAck("echo", 1), 1);

  const left = next(client, "disconnect");
  await remotely(a, client.id, "remote.disconnect()");
  t.match(await left, ["io server disconnect"], "disconnect()");
  t.equal(await custom.emitWithAck("echo", 2), 2, "leaves the connection open");

  client.connect();
  await next(client, "connect");
  const closed = new Promise((resolve) => client.io.once("close", resolve));
  await remotely(a, client.id, "remote.disconnect(true)");
  await closed;
  t.notOk(custom.connected, "disconnect(true) closes it");
});

t.test("C1 many fetchSockets at once, from all workers", async (t) => {
  const code = `
    const all = await Promise.all(Array.from({ length: 50 }, () => io.fetchSockets()));
    return all.map((sockets) => sockets.length);`;
  const lengths = await Promise.all(clients.map((where) => runIn<number[]>(where, code)));
  t.strictSame(lengths.flat(), new Array(150).fill(3));
});
