import type { Socket } from "socket.io-client";
import t, { type Test } from "tap";
import { connectClient, runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { next } from "../helpers/heard.js";
import { block, pidOf, trio, waitsFor } from "../helpers/trio.js";

const cluster = await startCluster(t);

/** All timeouts of the requests here are 5 s or more. */
const SOON = 1_000;

interface Outcome {
  /** What the request resolved to, or the message it rejected with. */
  value?: unknown;
  error?: string;
}

/** Starts a request in a worker; its outcome is to be had later. */
async function start(where: Socket, request: string): Promise<void> {
  await runIn(
    where,
    `globalThis.outcome = (async () => { ${request} })().then(
      (value) => ({ value }),
      (error) => ({ error: error.message }),
    );`,
  );
}

/** Kills workers; returns the request's outcome, which has to come soon. */
async function outcomeAfterDeath(t: Test, where: Socket, victims: Socket[]): Promise<Outcome> {
  const killed = performance.now();
  for (const victim of victims) process.kill(pidOf(victim), "SIGKILL");
  const outcome = await runIn<Outcome>(where, "return outcome");
  const ms = performance.now() - killed;
  t.ok(ms < SOON, `it completes ${Math.round(ms)} ms after the death`);
  return outcome;
}

/** Returns when all that the worker of `from` has sent so far has reached the one of `to`. */
async function hasArrived(from: Socket, to: Socket): Promise<void> {
  const arrived = next(to, "arrived");
  await runIn(to, `io.once("arrived", () => socket.emit("arrived"))`);
  await runIn(from, `io.serverSideEmit("arrived")`);
  await arrived;
}

/** One more client on the worker of `client`. */
async function clientBeside(t: Test, client: Socket): Promise<Socket> {
  for (;;) {
    const other = await connectClient(t, cluster.port, "websocket", { reconnection: false });
    if ((await other.emitWithAck("pid")) === pidOf(client)) return other;
    other.disconnect();
  }
}

const FETCH = (nsp: string) =>
  `return (await io.of("${nsp}").fetchSockets()).map(({ id }) => id).sort();`;

for (const name of ["/", "/custom"]) {
  t.test(`C2 fetchSockets of ${name} is pending`, async (t) => {
    const clients = await trio(t, cluster);
    const [a, , c] = clients;
    const sockets = clients.map((client) => (name === "/" ? client : client.io.socket(name)));
    for (const socket of sockets) await socket.emitWithAck("echo", 1);
    const survivors = [sockets[0]?.id, sockets[1]?.id].sort();
    await block(c);
    await start(a, FETCH(name));
    await waitsFor(a, 1);
    t.strictSame(await outcomeAfterDeath(t, a, [c]), { value: survivors });
  });
}

t.test("C2 serverSideEmitWithAck is pending", async (t) => {
  const [a, b, c] = await trio(t, cluster);
  for (const [i, client] of [a, b, c].entries()) {
    await runIn(client, `io.on("ask", (ack) => ack(args[0]))`, i);
  }
  await block(c);
  await start(a, `return io.serverSideEmitWithAck("ask");`);
  await waitsFor(a, 1);
  t.strictSame(await outcomeAfterDeath(t, a, [c]), { value: [1] });
});

const ASK = `return (await io.timeout(10_000).emitWithAck("ask")).sort();`;

t.test("C2 a broadcast is pending; nothing came from the dying worker", async (t) => {
  const [a, b, c] = await trio(t, cluster);
  a.on("ask", (ack) => ack("a"));
  b.on("ask", (ack) => ack("b"));
  await block(c);
  await start(a, ASK);
  t.strictSame(await outcomeAfterDeath(t, a, [c]), { value: ["a", "b"] });
});

t.test("C2 a broadcast is pending; the dying worker told its number of clients", async (t) => {
  const [a, b, c] = await trio(t, cluster);
  a.on("ask", (ack) => ack("a"));
  b.on("ask", (ack) => ack("b"));
  const asked = next(c, "ask");
  await start(a, ASK);
  await asked;
  await hasArrived(c, a);
  t.strictSame(await outcomeAfterDeath(t, a, [c]), { value: ["a", "b"] });
});

t.test("C2 a broadcast is pending; a client of the dying worker has answered", async (t) => {
  const [a, b, c] = await trio(t, cluster);
  const more = await clientBeside(t, c);
  a.on("ask", (ack) => ack("a"));
  b.on("ask", (ack) => ack("b"));
  more.on("ask", (ack) => ack("c"));
  const asked = Promise.all([next(c, "ask"), next(more, "ask")]);
  await start(a, ASK);
  await asked;
  await more.emitWithAck("echo", "its answer has arrived before this");
  await hasArrived(c, a);
  t.strictSame(await outcomeAfterDeath(t, a, [c]), { value: ["a", "b", "c"] });
});

t.test("C2 a question to one client of the dying worker is pending", async (t) => {
  const [a, , c] = await trio(t, cluster);
  const asked = next(c, "ask");
  await runIn(a, "globalThis.remote = (await io.in(args[0]).fetchSockets())[0]", c.id);
  await start(a, `return (await remote.timeout(10_000).emitWithAck("ask")) ?? "nothing";`);
  await asked;
  await hasArrived(c, a);
  t.strictSame(await outcomeAfterDeath(t, a, [c]), { value: "nothing" });
});

t.test("C2 requests are pending and two workers die at once", async (t) => {
  const [a, b, c] = await trio(t, cluster);
  a.on("ask", (ack) => ack("a"));
  await block(b);
  await block(c);
  const all = `
    return Promise.all([
      (async () => { ${ASK} })(),
      (async () => { ${FETCH("/")} })(),
      io.serverSideEmitWithAck("ask"),
    ]);`;
  await start(a, all);
  t.strictSame(await outcomeAfterDeath(t, a, [b, c]), { value: [["a"], [a.id], []] });
});
