import { once } from "node:events";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Server } from "socket.io";
import t from "tap";
import type { TestClient } from "../../src/testing/index.js";
import { startServer } from "../helpers/app-server.js";
import { filesOf } from "../helpers/docs.js";
import { next } from "../helpers/heard.js";
import { until } from "../helpers/loopback.js";
import { hasSessions, testing } from "../helpers/testing.js";

const { dir, names } = await filesOf(t, "docs/migrate-egg.md", "js");
t.strictSame(names, ["chat.js", "small.js"]);

interface Online {
  id: string;
  action: "join" | "leave";
  clients: Record<string, { room: string; userId: string }>;
}

t.test("Egg's chat, as docs/migrate-egg.md has it, over three workers", async (t) => {
  const cluster = await testing.startTestCluster({ worker: join(dir, "chat.js"), count: 3 });
  t.teardown(() => cluster.close());
  const heard = new Map<TestClient, Online[]>();
  const connect = async (userId: string, room = "demo") => {
    const client = await cluster.client({
      query: { room, userId },
      transports: ["websocket"],
      reconnection: false,
    });
    const log: Online[] = [];
    heard.set(client, log);
    client.on("online", (online) => log.push(online));
    return client;
  };
  /** What `client` was told of another one. */
  const told = async (client: TestClient, id: unknown, action: string): Promise<Online> => {
    const find = () =>
      heard.get(client)?.find((online) => online.id === id && online.action === action);
    await until(`${action} of ${id}`, () => find() !== undefined, 15_000);
    return find() as Online;
  };

  const [a, b, c] = [await connect("a"), await connect("b"), await connect("c")];
  await hasSessions(t, cluster, [1, 1, 1]);

  await t.test("who joins or leaves is told to all in the room, with the list", async (t) => {
    const d = await connect("d");
    const ids = [a, b, c, d].map(({ id }) => `${id}`);
    for (const client of [a, b, c, d]) {
      const { clients } = await told(client, d.id, "join");
      t.strictSame(Object.keys(clients).sort(), [...ids].sort());
      t.match(clients[`${b.id}`], { room: "demo", userId: "b" });
    }
    const { id } = d;
    await d.close();
    for (const client of [a, b, c]) {
      const { clients } = await told(client, id, "leave");
      t.strictSame(Object.keys(clients).sort(), ids.slice(0, 3).sort());
    }
  });

  await t.test("private messages reach one client, on whichever worker", async (t) => {
    a.on(`${c.id}`, () => t.fail("only for c"));
    b.on(`${c.id}`, () => t.fail("only for c"));
    const got = once(c, `${c.id}`);
    a.send("exchange"); // to nobody
    a.send("exchange", { target: c.id, payload: { msg: "test" } });
    const [message] = await got;
    t.match(message, {
      data: { action: "exchange", payload: { msg: "test" } },
      meta: { client: a.id, target: c.id, timestamp: Number },
    });
  });

  await t.test("who asks for a room that does not exist is told, and not let in", async (t) => {
    const before = heard.get(a)?.length;
    await t.rejects(connect("eve", "deleted"), {
      message: /There is no such room/,
      data: { data: { action: "deny", payload: { type: "deleted", room: "deleted" } } },
    });
    const own = once(a, `${a.id}`);
    a.send("exchange", { target: a.id });
    await own;
    t.equal(heard.get(a)?.length, before, "the others heard nothing of it");
  });
});

t.test("Egg's small examples, as docs/migrate-egg.md has them", async (t) => {
  const server = await startServer(t);
  const { start } = (await import(pathToFileURL(join(dir, "small.js")).href)) as {
    start(io: Server): void;
  };
  start(server.io);
  const client = server.start("/example");
  const results: string[] = [];
  client.on("res", (text) => results.push(text));
  await once(client as never, "connect");
  client.emit("secret", "nobody answers");
  const done = new Promise<void>((resolve) =>
    client.on("res", (text) => text === "pong: hello" && resolve()),
  );
  client.emit("ping", "hello");
  await done;
  t.strictSame(results, ["connected!", "packet received!", "packet received!", "pong: hello"]);
  const main = await server.connect("/");
  const gone = next(main, "gone");
  const { id } = client;
  client.disconnect();
  t.strictSame(await gone, [id]);

  t.strictSame(await server.refused("/guarded"), { message: "unauthorized" });
  t.ok((await server.connect("/guarded", { auth: { token: "cats" } })).connected);

  const kicked = server.start("/farewell");
  const log: unknown[] = [];
  kicked.onAny((event, text) => log.push(event === kicked.id && text));
  t.match(await once(kicked as never, "disconnect"), ["io server disconnect"]);
  t.strictSame(log, ["deny"]);
});
