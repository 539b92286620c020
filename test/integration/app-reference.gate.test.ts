import { once } from "node:events";
import { isDeepStrictEqual } from "node:util";
import type { Socket } from "socket.io-client";
import t, { type Test } from "tap";
import { clientPerWorker, connectClient } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { type Heard, heard, next } from "../helpers/heard.js";

const path = "/testPath";
const cluster = await startCluster(t, { exec: "app-reference.js" });
const url = `http://127.0.0.1:${cluster.port}`;

interface Found {
  data: { pid: number; name: string };
  rooms: string[];
  query: string;
}

/** Three clients on three workers, in rooms of which their query tells. */
async function trio(t: Test): Promise<[Socket, Socket, Socket]> {
  const [a, b, c] = await clientPerWorker(t, url, 3, "websocket", { path });
  if (!a || !b || !c) throw new Error("three workers");
  return [a, b, c];
}

t.test("everything that a controller can emit to, over three workers", async (t) => {
  const [a, b, c] = await trio(t);
  await b.emitWithAck("join", a.id, ["game", "game1"]); // a socket of another worker
  await a.emitWithAck("join", b.id, ["game", "game1"]);
  await a.emitWithAck("join", c.id, ["game2"]);
  const others = await clientPerWorker(t, `${url}/myNamespace`, 3, "websocket", { path });

  const toAll = (...event: Heard): [Heard[], Heard[], Heard[]] => [[event], [event], [event]];
  const cases: [what: string, a: Heard[], b: Heard[], c: Heard[]][] = [
    ["self", [["hello", "can you hear me?", 1, 2, "abc"]], [], []],
    ["others", [], [["broadcast", "hello friends!"]], [["broadcast", "hello friends!"]]],
    ["room", [], [["nice game", "let's play a game"]], []],
    ["rooms", [], [["nice game", "(too)"]], [["nice game", "(too)"]]],
    ["in room", [["big-announcement", "soon"]], [["big-announcement", "soon"]], []],
    ["ctx.nsp", ...toAll("bigger-announcement", "soon")],
    ["local", [["hi", "my lovely babies"]], [], []],
    ["volatile", ...toAll("position", 1)],
  ];
  for (const [what, ...expected] of cases) {
    const log = await heard([a, b, c], [a], () => a.emitWithAck("emits", what));
    t.strictSame(log, expected, what);
  }

  for (const [what, expected] of [
    ["namespace", ["bigger-announcement", "soon"]],
    ["its room", ["event", "message"]],
  ] as const) {
    const act = () => a.emitWithAck("emits", what);
    t.strictSame(
      await heard(others, [a], act, "/myNamespace"),
      others.map(() => [expected]),
      `${what}, from the app`,
    );
  }
  const fromCtx = others.map((client) => next(client, "bigger-announcement"));
  others[0]?.emit("emits");
  t.strictSame(await Promise.all(fromCtx), [["soon"], ["soon"], ["soon"]], "ctx.nsp of another");
});

t.test("what a method returns: to the client, to all, or as the acknowledgement", async (t) => {
  const [a, b] = await trio(t);
  const result = next(a, "myEventResult");
  a.emit("myEvent", 1, 2, 3);
  t.strictSame(await result, [{ name: "harry", result: 6 }]);
  t.strictSame(await a.emitWithAck("myEvent", 2, 1, 1), { name: "harry", result: 4 });
  const called = [next(a, "called"), next(b, "called")];
  t.equal(await a.emitWithAck("calls"), 1);
  t.strictSame(await Promise.all(called), [[1], [1]]);
  t.equal(await a.emitWithAck("calls"), 2, "the client's own instance");
  t.equal(await b.emitWithAck("calls"), 1, "another client's");
});

t.test("clients are counted: on this worker, and on all", async (t) => {
  const [a, b, c] = await trio(t);
  const second = await clientOn(t, await a.emitWithAck("pid"));
  await a.emitWithAck("join", c.id, ["game"]);
  // Clients of the tests before may still be about to go.
  const counted = async (client: Socket, expected: object) => {
    const end = performance.now() + 10_000;
    let count = await client.emitWithAck("count");
    while (!isDeepStrictEqual(count, expected) && performance.now() < end) {
      count = await client.emitWithAck("count");
    }
    t.strictSame(count, expected);
  };
  await counted(a, { here: 2, engine: 2, all: 4, inGame: 1 });
  await counted(b, { here: 1, engine: 1, all: 4, inGame: 1 });
  second.disconnect();
  await counted(a, { here: 1, engine: 1, all: 3, inGame: 1 });
});

t.test("a socket of another worker is found by its id, with data, rooms and query", async (t) => {
  const query = { name: "ada", rooms: "game" };
  const [a, b] = await clientPerWorker(t, url, 2, "websocket", { path, query });
  if (!a || !b) throw new Error("two workers");
  const [found]: Found[] = await b.emitWithAck("find", a.id);
  t.strictSame(found, {
    data: { pid: await a.emitWithAck("pid"), name: "ada" },
    rooms: [a.id, "game"],
    query: "ada",
  });
  t.strictSame(await b.emitWithAck("find", "nobody"), []);
});

t.test("private messages, and a kick with a farewell, by socket id", async (t) => {
  for (const transports of ["websocket", "polling"] as const) {
    const [a, b, c] = await clientPerWorker(t, url, 3, transports, { path, reconnection: false });
    if (!a || !b || !c) throw new Error("three workers");
    c.onAny((event) => t.fail(`${event} is for another one`));
    const got = next(b, "private message");
    await a.emitWithAck("private message", b.id, "psst");
    t.strictSame(await got, [a.id, "psst"]);
    const log: unknown[] = [];
    b.onAny((...args) => log.push(args));
    const gone = once(b as never, "disconnect").then(([reason]) => log.push(reason));
    await a.emitWithAck("kick", b.id, "you were rude");
    await gone;
    t.strictSame(log, [["deny", "you were rude"], "io server disconnect"], transports);
    t.strictSame(await a.emitWithAck("find", b.id), []);
  }
});

t.test("clients answer the server, or it does not wait for ever", async (t) => {
  const query = { rooms: "asked" };
  const [a, b] = await clientPerWorker(t, url, 2, "websocket", { path, query });
  const silent = await connectClient(t, url, "websocket", { path, query: { rooms: "silent" } });
  if (!a || !b) throw new Error("two workers");
  for (const [client, answer] of [[a, "a"] as const, [b, "b"] as const]) {
    client.on("question", (ack) => ack(answer));
  }
  t.strictSame((await a.emitWithAck("ask", "asked", 10_000)).sort(), ["a", "b"]);
  t.equal(await a.emitWithAck("askOne", 10_000), "a");
  for (const [event, ...args] of [
    ["ask", "silent", 50],
    ["askOne", 50],
  ] as const) {
    const { error } = await silent.emitWithAck(event, ...args);
    t.strictSame(error, { code: "INTERNAL", message: "Internal error", event });
  }
  await t.rejects(a.timeout(50).emitWithAck("no such event"), /timed out/);
});

t.test("catch-all listeners hear events with and without a route", async (t) => {
  const client = await connectClient(t, url, "websocket", { path });
  client.emit("no such event", 1);
  t.strictSame(await client.emitWithAck("heard"), ["no such event", "heard"]);
});

t.test("servers ask each other, with acknowledgements", async (t) => {
  const [a, b, c] = await trio(t);
  const pids = await Promise.all([b, c].map((client) => client.emitWithAck("pid")));
  const answers: string[] = await a.emitWithAck("pingServers", "are you there");
  t.strictSame(answers.sort(), pids.map((pid) => `are you there ${pid}`).sort());
});

/** One more client on this worker. */
async function clientOn(t: Test, pid: number): Promise<Socket> {
  for (;;) {
    const client = await connectClient(t, url, "websocket", { path });
    if ((await client.emitWithAck("pid")) === pid) return client;
    const gone = once(client as never, "disconnect");
    client.disconnect();
    await gone;
  }
}
