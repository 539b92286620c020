import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import { Duplex } from "node:stream";
import t, { type Test } from "tap";
import { endSoon } from "../../../../src/worker/forwarding/end-soon.js";
import { get, RawConnection } from "../../../helpers/raw.js";
import { type TwoWorkers, twoWorkers } from "../../../helpers/two-workers.js";

const UPGRADE = { Connection: "Upgrade", Upgrade: "websocket" };
const target = (sid: string): string => `/socket.io/?EIO=4&transport=websocket&sid=${sid}`;
const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";

/** Two workers whose owner gives each upgraded socket, with what came behind its head, to `take`. */
function upgradesTo(t: Test, take: (socket: Duplex, head: Buffer) => void): Promise<TwoWorkers> {
  return twoWorkers(t, { handleUpgrade: (_, socket, head) => take(socket, head) });
}

async function upgrade(t: Test, port: number, sid = "mine", rest = ""): Promise<RawConnection> {
  const client = await RawConnection.open(port);
  t.teardown(() => client.destroy());
  client.write(get(target(sid), UPGRADE) + rest);
  return client;
}

t.test("what the owner has written reaches a client that reads late", async (t) => {
  const inFront: Duplex[] = [];
  const piece = Buffer.alloc(50_000, "0123456789");
  let written = 0;
  /** Writes until the kernel takes no more for the client: what comes then waits in front. */
  const fill = async (socket: Duplex): Promise<void> => {
    socket.write(SWITCH);
    while (inFront[0]?.writableLength === 0) {
      await new Promise((done) => socket.write(piece, done));
      written += piece.length;
      await new Promise(setImmediate);
    }
    socket.end(() => socket.destroy());
  };
  const handlers = { handleUpgrade: (_: unknown, socket: Duplex) => void fill(socket) };
  const { port } = await twoWorkers(t, handlers, () =>
    createServer().on("connection", (socket) => inFront.push(socket)),
  );
  const client = await upgrade(t, port);
  t.equal((await client.response()).status, 101);
  const chunks = [client.received];
  const socket = client.release();
  socket.on("data", (chunk: Buffer) => chunks.push(chunk)).pause();
  const [front] = inFront;
  while (!front?.writableEnded && !front?.destroyed) await new Promise(setImmediate);
  // A turn or two later the owner's connection has closed altogether.
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  t.ok(front.writableLength > 0, "some of it has not left");
  socket.resume();
  await once(socket, "end");
  t.equal(Buffer.concat(chunks).length, written, "all of it arrives");
});

t.test("what the client has sent reaches the owner, though it ends first", async (t) => {
  const bytes = Buffer.alloc(5_000_000, "abcdefg");
  const chunks: Buffer[] = [];
  const received = () => Buffer.concat(chunks);
  const { port } = await upgradesTo(t, (socket, head) => {
    chunks.push(head);
    socket.write(SWITCH);
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("end", () => socket.end(`got ${received().length}`));
  });
  const client = await upgrade(t, port, "mine", "early ");
  await client.response();
  client.socket.end(bytes);
  await client.closed();
  t.equal(client.received.toString(), `got ${bytes.length + 6}`, "and its answer comes back");
  t.equal(received().subarray(0, 10).toString(), "early abcd");
});

t.test(
  "an answer is the owner's own, byte by byte: a refusal, an odd one, one in pieces",
  async (t) => {
    const answers = [
      "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 2\r\nX-Y:  z\r\n\r\n{}",
      "HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n",
      "no HTTP at all",
      "\0",
    ];
    for (const [n, answer] of answers.entries()) {
      const { port, plainPort } = await upgradesTo(t, async (socket) => {
        if (n > 0) {
          socket.write(answer.slice(0, 12));
          await new Promise(setImmediate);
          socket.end(answer.slice(12));
        } else socket.end(answer);
      });
      for (const to of [port, plainPort]) {
        const client = await upgrade(t, to);
        await client.closed();
        t.equal(client.received.toString("latin1"), answer, to === port ? "forwarded" : "plain");
      }
    }
  },
);

t.test("B1: an owner that gives no answer: 502", async (t) => {
  const { port } = await upgradesTo(t, (socket) => void socket.destroy());
  const client = await upgrade(t, port);
  t.equal((await client.response()).status, 502);
  await client.closed();
});

t.test("B1: an owner that cannot be reached: 502", async (t) => {
  const { port, gateway } = await upgradesTo(t, () => {});
  rmSync(gateway);
  const client = await upgrade(t, port);
  t.equal((await client.response()).status, 502);
  await client.closed();
});

t.test("an owner that does not have the session: the answer is this worker's", async (t) => {
  const { port } = await twoWorkers(t);
  const client = await upgrade(t, port, "elsewhere");
  const { body } = await client.response();
  t.match(JSON.parse(body), { url: target("elsewhere"), encrypted: undefined });
});

t.test("a client that is gone ends the owner's connection, and the other way", async (t) => {
  const owners: Duplex[] = [];
  const { port } = await upgradesTo(t, (socket) => {
    owners.push(socket);
    socket.on("end", () => socket.end());
    socket.write(SWITCH);
    socket.resume();
  });
  for (const end of ["resetAndDestroy", "destroy"] as const) {
    const client = await upgrade(t, port);
    await client.response();
    client.socket[end]();
    const owner = owners.pop();
    if (owner?.destroyed === false) await once(owner, "close");
    t.equal(owner?.destroyed, true, end);
  }
  const client = await upgrade(t, port);
  await client.response();
  owners.pop()?.destroy();
  await client.closed();
});

t.test("B2: a connection that takes nothing is let go when its time is over", async (t) => {
  const awake = setInterval(() => {}, 1_000); // the limit alone keeps no process alive
  t.teardown(() => clearInterval(awake));
  const stuck = new Duplex({ read() {}, write() {} });
  stuck.write("never taken");
  endSoon(stuck, 20);
  t.equal(stuck.destroyed, false);
  await once(stuck, "close");
  const quick = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  quick.write("taken");
  const begin = performance.now();
  endSoon(quick, 60_000);
  await once(quick, "close");
  t.ok(performance.now() - begin < 30_000);
  endSoon(quick);
});
