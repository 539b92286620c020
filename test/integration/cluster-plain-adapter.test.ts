import type { Socket } from "socket.io-client";
import t from "tap";
import { runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { type Heard, heardOf } from "../helpers/heard.js";
import { block, pidOf, trio, waitsFor } from "../helpers/trio.js";

const cluster = await startCluster(t, { env: { ADAPTER: "plain" } });
const clients = await trio(t, cluster);
const [a, b, c] = clients;
const news: Heard = ["news", 1];

const ids = (...sockets: Socket[]) => sockets.map(({ id }) => id).sort();

t.test("C1 an adapter that the application has installed stays", async (t) => {
  for (const where of clients) {
    const name = await runIn(where, `return io.of("/").adapter.constructor.name`);
    t.equal(name, "NodeClusterAdapter");
  }
});

t.test("C1 the basics work with plain @socket.io/cluster-adapter", async (t) => {
  for (const client of clients) {
    client.on("ask", (ack) => ack(client.id));
    await runIn(client, `io.on("ask", (ack) => ack(args[0]))`, client.id);
  }
  for (const where of clients) {
    t.strictSame(await heardOf(clients, where, `io.emit("news", 1)`), [[news], [news], [news]]);
    const toRoom = `io.in(args).socketsJoin("room"); io.to("room").emit("news", 1);`;
    t.strictSame(await heardOf(clients, where, toRoom, a.id, b.id), [[news], [news], []], "rooms");
    await heardOf(clients, where, `io.socketsLeave("room")`);
    const buffer = Buffer.from([1, 2]);
    t.strictSame(
      await heardOf(clients, where, `io.emit("news", args[0])`, buffer),
      new Array(3).fill([["news", buffer]]),
      "binary",
    );

    const found = "return (await io.fetchSockets()).map(({ id }) => id).sort()";
    t.strictSame(await runIn(where, found), ids(a, b, c), "fetchSockets");
    const answers = `return (await io.timeout(9_000).emitWithAck("ask")).sort()`;
    t.strictSame(await runIn(where, answers), ids(a, b, c), "emitWithAck");
    const others = clients.filter((client) => client !== where);
    const serverAnswers = `return (await io.serverSideEmitWithAck("ask")).sort()`;
    t.strictSame(await runIn(where, serverAnswers), ids(...others), "serverSideEmitWithAck");
  }
});

t.test("C2 plain @socket.io/cluster-adapter hears of a death, too", async (t) => {
  await block(c);
  await runIn(a, "globalThis.found = io.fetchSockets()");
  await waitsFor(a, 1);
  const killed = performance.now();
  process.kill(pidOf(c), "SIGKILL");
  const found = await runIn<string[]>(a, "return (await found).map(({ id }) => id).sort()");
  t.strictSame(found, ids(a, b));
  const ms = performance.now() - killed;
  t.ok(ms < 4_000, `fetchSockets completes ${Math.round(ms)} ms after the death`);
});
