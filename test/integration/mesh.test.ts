import { once } from "node:events";
import type { Socket } from "socket.io-client";
import t from "tap";
import { clientPerWorker, connectClient, runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { isWhole } from "../helpers/gate.js";
import { heardOf, next } from "../helpers/heard.js";
import { sharedCluster } from "../helpers/shared-cluster.js";
import { pidOf, trio } from "../helpers/trio.js";

/** Joins and tells the client, and may be late with everything else; sends; floods. */
const RACE = `
  const late = () => {
    const end = performance.now() + Math.random() * args[0];
    while (performance.now() < end);
  };
  socket.on("enter", (room) => {
    socket.join(room);
    socket.emit("entered", room);
    if (Math.random() < 0.01) late();
  });
  socket.on("enter and wait", async (room) => {
    await socket.join(room);
    socket.emit("entered", room);
  });
  socket.on("exit", (room) => socket.leave(room));
  socket.on("send", (room) => {
    io.to(room).emit("news", room);
    if (Math.random() < 0.01) late();
  });
  socket.on("flood", () => {
    const text = "x".repeat(20_000);
    for (let i = 0; i < 20; i++) io.serverSideEmit("flood", text);
  });`;

t.setTimeout(240_000);

for (const [how, event, rounds] of [
  ["a join", "enter", isWhole ? 10_000 : 2_000],
  ["an awaited join", "enter and wait", isWhole ? 1_000 : 300],
] as const) {
  t.test(`M2 what is sent after ${how} was told of arrives, ${rounds} times`, async (t) => {
    t.setTimeout(120_000);
    const cluster = await sharedCluster();
    const clients = await trio(t, cluster);
    for (const client of clients) await runIn(client, RACE, 20);
    let done = 0;
    const round = async (n: number): Promise<void> => {
      const room = `room ${n}`;
      const member = clients[n % 3] as Socket;
      const sender = clients[(n + 1 + (n % 2)) % 3] as Socket;
      const news = arrives(member, "news", room);
      const entered = arrives(member, "entered", room);
      member.emit(event, room);
      await entered;
      sender.emit("send", room);
      await news;
      member.emit("exit", room);
      if (n % 200 === 0) sender.emit("flood");
      done++;
    };
    let nextRound = 0;
    const runner = async () => {
      while (nextRound < rounds) await round(nextRound++);
    };
    const lost = new Promise<void>((resolve) => setTimeout(resolve, 90_000).unref());
    await Promise.race([Promise.all(Array.from({ length: 30 }, runner)), lost]);
    t.equal(done, rounds, "none is lost");
  });
}

const awaited = new WeakMap<Socket, Map<string, () => void>>();

/** Resolves when `client` gets this event for this room. */
function arrives(client: Socket, event: string, room: string): Promise<void> {
  let waits = awaited.get(client);
  if (waits === undefined) {
    const made = new Map<string, () => void>();
    for (const name of ["news", "entered"]) {
      client.on(name, (what: string) => made.get(`${name} ${what}`)?.());
    }
    waits = made;
    awaited.set(client, waits);
  }
  const key = `${event} ${room}`;
  const all = waits;
  return new Promise((resolve) =>
    all.set(key, () => {
      all.delete(key);
      resolve();
    }),
  );
}

t.test("M3 what concerns one worker is sent to one", async (t) => {
  const cluster = await sharedCluster();
  const [a, b, c] = await trio(t, cluster);
  await runIn(b, `await socket.join("there")`);
  const sent = async () => {
    await runIn(a, "await new Promise((resolve) => setTimeout(resolve, 1_000))");
    const { workers } = await cluster.status();
    return workers.find(({ pid }) => pid === pidOf(a))?.vitals?.mesh;
  };
  const before = await sent();
  const got = await heardOf(
    [a, b, c],
    a,
    `for (let i = 0; i < 100; i++) io.to("there").emit("news", i)`,
  );
  t.equal(got[1]?.length, 100);
  await runIn(a, `for (let i = 0; i < 100; i++) io.to("nowhere").emit("news", i)`);
  const after = await sent();
  t.equal(after?.peers, 2);
  const messages = (after?.messages ?? 0) - (before?.messages ?? 0);
  t.ok(messages >= 100 && messages < 110, `${messages} messages`); // and what the test itself says
  const suppressed = (after?.suppressed ?? 0) - (before?.suppressed ?? 0);
  t.ok(suppressed >= 300, `${suppressed} suppressed`);
  t.equal(after?.queue, 0);
});

t.test("M4 many workers that start at once are all connected when they are ready", async (t) => {
  const count = isWhole ? 8 : 4;
  const cluster = await startCluster(t, { count });
  const clients = await clientPerWorker(t, cluster.port, count);
  const ids = clients.map(({ id }) => id).sort();
  const found = "return (await io.fetchSockets()).map(({ id }) => id).sort()";
  for (const client of clients) t.strictSame(await runIn(client, found), ids);
});

t.test("B2 a worker that reads nothing is replaced, and the others go on", async (t) => {
  const cluster = await startCluster(t, { options: { hangTimeout: 60_000 } });
  const [a, b, c] = await trio(t, cluster);
  const exit = once(cluster, "worker:exit");
  process.kill(pidOf(c), "SIGSTOP");
  const flood = `
    const text = "x".repeat(1_000_000);
    for (let i = 0; i < 100; i++) {
      io.except(args[0]).emit("flood", text);
      await new Promise(setImmediate);
    }`;
  const start = performance.now();
  await runIn(a, flood, [a.id, b.id]);
  const news = next(b, "news");
  await runIn(a, `io.emit("news", 1)`);
  t.strictSame(await news, [1], "others are not held up");
  const [{ pid }] = await exit;
  t.equal(pid, pidOf(c));
  t.ok(performance.now() - start < 10_000, "long before it counts as hung");
  const found = await runIn<string[]>(a, "return (await io.fetchSockets()).map(({ id }) => id)");
  t.strictSame(found.sort(), [a.id, b.id].sort());
  const replacement = await connectClient(t, cluster.port, "websocket");
  t.ok(replacement.connected);
});

t.test("M1 workers die in the middle, and what the others say arrives in order", async (t) => {
  const cluster = await startCluster(t);
  const [a, b, c] = await trio(t, cluster);
  const numbers: number[] = [];
  b.on("number", (n: number) => numbers.push(n));
  const over = next(b, "over");
  const sending = runIn(
    a,
    `for (let n = 0; n < 3_000; n++) {
      io.emit("number", n);
      if (n % 10 === 0) await new Promise(setImmediate);
    }
    io.emit("over");`,
  );
  process.kill(pidOf(c), "SIGKILL");
  await sending;
  await over;
  t.strictSame(
    numbers,
    Array.from({ length: 3_000 }, (_, n) => n),
  );
});
