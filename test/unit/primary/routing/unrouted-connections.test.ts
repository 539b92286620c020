import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import t, { type Test } from "tap";
import { stopReads } from "../../../../src/handoff/stop-reads.js";
import { MAX_UNROUTED_BYTES } from "../../../../src/policy/request-line.js";
import { UnroutedConnections } from "../../../../src/primary/routing/unrouted-connections.js";
import { listen, until } from "../../../helpers/loopback.js";
import { get, RawConnection } from "../../../helpers/raw.js";

interface Routed {
  socket: Socket;
  bytes: Buffer;
  target: string;
}

/** A server that holds its connections until their line is complete, and then only stops them. */
async function setUp(t: Test, { requestLineTimeout = 10_000, maxUnrouted = 100 } = {}) {
  const routed: Routed[] = [];
  const unrouted = new UnroutedConnections(
    { requestLineTimeout, maxUnrouted },
    (socket, bytes, target) => {
      stopReads(socket);
      routed.push({ socket, bytes, target });
    },
  );
  t.teardown(() => unrouted.close());
  const port = await listen(t, (socket) => unrouted.add(socket));
  const open = async (): Promise<RawConnection> => {
    const before = unrouted.size;
    const client = await RawConnection.open(port);
    t.teardown(() => client.destroy());
    if (before < maxUnrouted) await until("it arrives", () => unrouted.size > before);
    return client;
  };
  return { unrouted, routed, open };
}

t.test("a line in one piece is routed with all bytes of its chunk", async (t) => {
  const { unrouted, routed, open } = await setUp(t);
  const client = await open();
  t.equal(unrouted.size, 1);
  const request = get("/socket.io/?EIO=4&transport=polling");
  client.write(request);
  await until("it is routed", () => routed.length > 0);
  t.equal(routed[0]?.target, "/socket.io/?EIO=4&transport=polling");
  t.equal(routed[0]?.bytes.toString(), request);
  t.equal(unrouted.size, 0);
});

t.test(
  "R3, R4: a line in pieces is routed once, with every byte, as soon as it ends",
  async (t) => {
    const { routed, open } = await setUp(t);
    const client = await open();
    const line = "POST /socket.io/?sid=a%20b HTTP/1.1\r\n";
    await client.writePieces(`\r\n${line}`.slice(0, -1), 1, 1);
    await sleep(10);
    t.equal(routed.length, 0, "not before its last byte");
    client.write("\n");
    await until("it is routed", () => routed.length > 0);
    t.equal(routed[0]?.target, "/socket.io/?sid=a%20b");
    t.equal(routed[0]?.bytes.toString(), `\r\n${line}`);
    client.write("Host: x\r\n\r\n");
    await sleep(30);
    t.equal(routed.length, 1);
    t.equal(routed[0]?.socket.bytesRead, line.length + 2, "and nothing was read after it");
  },
);

t.test("what is no HTTP is routed at once, for a worker to refuse", async (t) => {
  const { routed, open } = await setUp(t);
  const hello = Buffer.from("16030100c2010000be0303", "hex");
  (await open()).write(hello);
  await until("it is routed", () => routed.length > 0);
  t.equal(routed[0]?.target, "");
  t.ok(routed[0]?.bytes.equals(hello));
});

t.test("R3: 16 KiB without the end of a line are answered 431", async (t) => {
  const { unrouted, routed, open } = await setUp(t);
  const client = await open();
  client.write(`GET /${"x".repeat(MAX_UNROUTED_BYTES - 5)}`);
  const response = await client.response();
  t.equal(response.status, 431);
  t.equal(response.headers.connection, "close");
  await client.closed();
  t.equal(unrouted.size, 0);
  t.equal(routed.length, 0);
});

t.test("R3: one byte less waits, and is routed when the line ends there", async (t) => {
  const { unrouted, routed, open } = await setUp(t);
  const client = await open();
  const most = `GET /${"x".repeat(MAX_UNROUTED_BYTES - 6)}`;
  client.write(most);
  await sleep(40);
  t.equal(unrouted.size, 1);
  t.equal(client.received.length, 0);
  client.write("\n");
  await until("it is routed", () => routed.length > 0);
  t.equal(routed[0]?.bytes.length, MAX_UNROUTED_BYTES);
});

t.test("R3: line ends alone do not hold a connection open for ever", async (t) => {
  const { open } = await setUp(t);
  const client = await open();
  client.write("\r\n".repeat(MAX_UNROUTED_BYTES / 2));
  t.equal((await client.response()).status, 431);
});

t.test("R3: 408 when the line does not come in time, however it drips", async (t) => {
  const { unrouted, open } = await setUp(t, { requestLineTimeout: 120 });
  const start = performance.now();
  const [silent, dripping] = [await open(), await open()];
  const drip = setInterval(() => dripping.write("G"), 20);
  t.teardown(() => clearInterval(drip));
  for (const client of [silent, dripping]) {
    const response = await client.response();
    clearInterval(drip);
    t.equal(response.status, 408);
    t.equal(response.headers.connection, "close");
  }
  const took = performance.now() - start;
  t.ok(took >= 119, `not before its time: ${took} ms`);
  t.ok(took < 1_500, `each byte does not prolong it: ${took} ms`);
  t.equal(unrouted.size, 0);
});

t.test("R3: each connection has its own time", async (t) => {
  const { unrouted, routed, open } = await setUp(t, { requestLineTimeout: 150 });
  const early = await open();
  const done = await open();
  done.write(get("/done"));
  await sleep(75);
  const start = performance.now();
  const late = await open();
  t.equal((await early.response()).status, 408);
  t.equal(unrouted.size, 1, "the later one is still waited for");
  t.equal((await late.response()).status, 408);
  const took = performance.now() - start;
  t.ok(took >= 149, `for as long as the first one: ${took} ms`);
  t.equal(routed.length, 1);
  t.equal(done.received.length, 0, "one that was routed is left alone");
  t.equal(routed[0]?.socket.destroyed, false);
});

t.test("R3: a connection that comes after all others are gone is timed, too", async (t) => {
  const { open } = await setUp(t, { requestLineTimeout: 60 });
  t.equal((await (await open()).response()).status, 408);
  await sleep(80);
  t.equal((await (await open()).response()).status, 408);
});

t.test("R3: above the limit the oldest gets 503, and new ones are served", async (t) => {
  const { unrouted, routed, open } = await setUp(t, { maxUnrouted: 2 });
  const [first, second] = [await open(), await open()];
  const third = await open();
  const response = await first.response();
  t.equal(response.status, 503);
  t.equal(response.headers["retry-after"], "1");
  await first.closed();
  t.equal(unrouted.size, 2);
  for (const client of [third, second]) client.write(get("/here"));
  await until("both are routed", () => routed.length === 2);
  t.equal(second.received.length, 0);
  t.equal(third.received.length, 0);
});

t.test("R3: connections that were routed or closed do not count for the limit", async (t) => {
  const { unrouted, routed, open } = await setUp(t, { maxUnrouted: 2 });
  (await open()).write(get("/a"));
  await until("it is routed", () => routed.length === 1);
  (await open()).destroy();
  await until("it is forgotten", () => unrouted.size === 0);
  const clients = [await open(), await open()];
  await sleep(20);
  t.equal(unrouted.size, 2);
  for (const client of clients) t.equal(client.ended, false);
});

t.test("clients that leave without a line are forgotten", async (t) => {
  const { unrouted, routed, open } = await setUp(t);
  const [ends, resets, closes] = [await open(), await open(), await open()];
  ends.socket.end("GET /half"); // its side only: nothing more will come
  await until("the end is seen", () => unrouted.size === 2);
  t.equal((await ends.response()).status, 400, "as Node answers to it");
  await ends.closed();
  const silent = await open();
  silent.socket.end();
  await silent.closed();
  t.equal(silent.received.length, 0, "nothing is answered to nothing");
  resets.write("GET /");
  resets.socket.resetAndDestroy();
  closes.destroy();
  await until("all are forgotten", () => unrouted.size === 0);
  t.equal(routed.length, 0);
});

t.test("a client that ends its side after the line is routed all the same", async (t) => {
  const { routed, open } = await setUp(t);
  const client = await open();
  client.socket.end(get("/last"));
  await until("it is routed", () => routed.length > 0);
  await sleep(20);
  t.equal(routed[0]?.socket.destroyed, false, "its request is still to be answered");
});

t.test("S7: close() closes what has no line yet, and leaves what was routed", async (t) => {
  const { unrouted, routed, open } = await setUp(t, { requestLineTimeout: 50 });
  const [waiting, done] = [await open(), await open()];
  done.write(get("/done"));
  await until("it is routed", () => routed.length > 0);
  unrouted.close();
  await waiting.closed();
  t.equal(waiting.received.length, 0);
  await until("it is forgotten", () => unrouted.size === 0);
  t.equal(done.ended, false);
  await sleep(70);
  t.equal(routed[0]?.socket.destroyed, false);
  const gone = once(done.socket, "close");
  done.destroy();
  await gone;
});
