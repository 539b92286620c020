import type { Socket } from "socket.io-client";
import t from "tap";
import { clientPerWorker, connectClient, runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { type Heard, heardOf } from "../helpers/heard.js";
import { callOver, get, openSession, RawConnection, sessionTarget } from "../helpers/raw.js";

const cluster = await startCluster(t);
const clients = await clientPerWorker(t, cluster.port, 3);
const [a, b, c] = clients as [Socket, Socket, Socket];
const news: Heard = ["news", 1];

const join = (client: Socket, ...rooms: string[]) => runIn(client, "socket.join(args)", ...rooms);

t.test("C1 io.emit reaches the clients of all workers, each once", async (t) => {
  const event: Heard = ["news", 1, { deep: [true, null, "é"] }];
  for (const sender of clients) {
    const got = await heardOf(clients, sender, `io.emit("news", 1, { deep: [true, null, "é"] })`);
    t.strictSame(got, [[event], [event], [event]]);
  }
});

t.test("C1 socket.broadcast.emit reaches everybody but the sender", async (t) => {
  for (const sender of clients) {
    const got = await heardOf(clients, sender, `socket.broadcast.emit("news", 1)`);
    t.strictSame(
      got,
      clients.map((client) => (client === sender ? [] : [news])),
    );
  }
});

t.test("C1 to(room) and in(room)", async (t) => {
  await join(a, "to-x");
  await join(b, "to-x", "to-y");
  await join(c, "to-y");
  for (const sender of clients) {
    t.strictSame(
      await heardOf(clients, sender, `io.to("to-x").emit("news", 1)`),
      [[news], [news], []],
      "a room with members on two workers",
    );
    t.strictSame(
      await heardOf(clients, sender, `io.in("to-y").emit("news", 1)`),
      [[], [news], [news]],
      "another one",
    );
    t.strictSame(
      await heardOf(clients, sender, `io.to("to-x").to("to-y").emit("news", 1)`),
      [[news], [news], [news]],
      "two rooms: who is in both gets it once",
    );
    t.strictSame(
      await heardOf(clients, sender, `io.to(["nobody", "to-y", "to-x"]).emit("news", 1)`),
      [[news], [news], [news]],
      "a list of rooms",
    );
    t.strictSame(
      await heardOf(clients, sender, `io.to("nobody").emit("news", 1)`),
      [[], [], []],
      "a room without members",
    );
    t.strictSame(
      await heardOf(clients, sender, `io.to(args[0]).emit("news", 1)`, c.id),
      [[], [], [news]],
      "one client by its id",
    );
  }
  t.strictSame(
    await heardOf(clients, a, `socket.to("to-x").emit("news", 1)`),
    [[], [news], []],
    "socket.to(room) leaves out the sender",
  );
});

t.test("C1 except", async (t) => {
  await join(a, "except-x");
  await join(b, "except-x", "except-y");
  for (const sender of clients) {
    t.strictSame(
      await heardOf(clients, sender, `io.except("except-x").emit("news", 1)`),
      [[], [], [news]],
      "everybody but a room",
    );
    t.strictSame(
      await heardOf(clients, sender, `io.to("except-x").except("except-y").emit("news", 1)`),
      [[news], [], []],
      "a room but another room",
    );
  }
  t.strictSame(
    await heardOf(clients, c, `socket.broadcast.except("except-y").emit("news", 1)`),
    [[news], [], []],
    "everybody but a room and the sender",
  );
});

t.test("C1 local", async (t) => {
  await join(a, "local");
  await join(b, "local");
  for (const sender of clients) {
    const got = await heardOf(clients, sender, `io.local.emit("news", 1)`);
    t.strictSame(
      got,
      clients.map((client) => (client === sender ? [news] : [])),
      "stays in the worker",
    );
  }
  const inRoom = await heardOf(clients, a, `io.local.to("local").emit("news", 1)`);
  t.strictSame(inRoom, [[news], [], []], "stays in the worker with a room, too");

  await runIn(a, `io.local.socketsJoin("local-join")`);
  const joined = await heardOf(clients, a, `io.to("local-join").emit("news", 1)`);
  t.strictSame(joined, [[news], [], []], "socketsJoin() as well");
});

t.test("C1 volatile", async (t) => {
  // Other output on the sender's own connection, like the answer of runIn(), would be a reason to
  // drop the message, so that waits until the message is out.
  const emit = `io.volatile.emit("news", 1); await new Promise(setImmediate);`;
  t.strictSame(
    await heardOf(clients, a, emit),
    [[news], [news], [news]],
    "reaches who can take it",
  );

  const polling = await RawConnection.open(cluster.port);
  t.teardown(() => polling.destroy());
  const sid = await openSession(polling);
  const pid = await callOver(polling, sid, "pid");
  const pids = await Promise.all(clients.map((client) => client.emitWithAck("pid")));
  for (const [i, sender] of clients.entries()) {
    await heardOf(clients, sender, emit);
    polling.write(get(sessionTarget(sid)));
    const { body } = await polling.response();
    const where = pids[i] === pid ? "of the same worker" : "of another worker";
    t.match(body, `42["marker"]`);
    t.notMatch(body, "news", `is dropped for a client ${where} that is not polling`);
  }
});

t.test("C1 socketsJoin and socketsLeave", async (t) => {
  for (const [i, sender] of clients.entries()) {
    const [x, y] = [`join-x-${i}`, `join-y-${i}`];
    const members = (room: string) =>
      heardOf(clients, sender, `io.to(args[0]).emit("news", 1)`, room);

    await runIn(sender, "io.socketsJoin(args[0])", x);
    t.strictSame(await members(x), [[news], [news], [news]], "everybody joins");
    await runIn(sender, "io.in(args[0]).socketsLeave(args[1])", b.id, x);
    t.strictSame(await members(x), [[news], [], [news]], "one client leaves");
    await runIn(sender, "io.in(args[0]).socketsJoin(args[1])", x, [y, `${y}-too`]);
    t.strictSame(await members(y), [[news], [], [news]], "a room joins another one");
    t.strictSame(await members(`${y}-too`), [[news], [], [news]], "and a third one with it");
    await runIn(sender, "io.except(args[0]).socketsJoin(args[1])", x, y);
    t.strictSame(await members(y), [[news], [news], [news]], "all but a room join");
    await runIn(sender, "io.socketsLeave(args[0])", y);
    t.strictSame(await members(y), [[], [], []], "everybody leaves");
  }
});

t.test("C1 disconnectSockets", async (t) => {
  for (const close of [false, true]) {
    const own = await clientPerWorker(t, cluster.port, 3, "websocket", { reconnection: false });
    const bystanders = [a, b, c];
    const room = `disconnect-${close}`;
    const customs = own.map((client) => client.io.socket("/custom"));
    for (const client of own) await join(client, room);
    for (const custom of customs) t.equal(await custom.emitWithAck("echo", 1), 1);

    const left = own.map((client) => new Promise((resolve) => client.once("disconnect", resolve)));
    const closed = own.map((client) => new Promise((resolve) => client.io.once("close", resolve)));
    await runIn(a, "io.in(args[0]).disconnectSockets(args[1])", room, close);
    const server = "io server disconnect";
    t.strictSame(await Promise.all(left), [server, server, server], `disconnectSockets(${close})`);
    if (close) {
      await Promise.all(closed);
      t.notOk(
        customs.some(({ connected }) => connected),
        "the connections are closed",
      );
    } else {
      const echoes = customs.map((custom) => custom.emitWithAck("echo", 2));
      t.strictSame(
        await Promise.all(echoes),
        [2, 2, 2],
        "other namespaces stay on the connections",
      );
    }
    t.strictSame(await heardOf(bystanders, b, `io.emit("news", 1)`), [[news], [news], [news]]);
  }
});

t.test("C1 what was sent before a client came is not delivered to it", async (t) => {
  t.strictSame(await heardOf(clients, a, `io.to("late").emit("news", 0)`), [[], [], []]);
  await join(b, "late");
  t.strictSame(
    await heardOf(clients, a, `io.to("late").emit("news", 1)`),
    [[], [news], []],
    "to a room",
  );
  for (const sender of clients) {
    await heardOf(clients, sender, `io.emit("news", 0)`);
    const late = await connectClient(t, cluster.port);
    t.strictSame(await heardOf([late], sender, `io.emit("news", 1)`), [[news]], "to the cluster");
  }
});
