import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import t from "tap";
import { connectClient } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import {
  callOver,
  get,
  handshake,
  openSession,
  post,
  RawConnection,
  sidIn,
} from "../helpers/raw.js";
import { sharedCluster } from "../helpers/shared-cluster.js";

t.test("R3 heads arrive in pieces of 1 to 7 bytes", async (t) => {
  const cluster = await sharedCluster();
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      const connection = await RawConnection.open(cluster.port);
      await connection.writePieces(`\r\n${handshake()}`);
      t.ok(sidIn(await connection.response()));
      const body = randomBytes(135_000).toString("hex");
      await connection.writePieces(post("/hash", body), 1, 9_000);
      t.equal((await connection.response()).body, createHash("sha256").update(body).digest("hex"));
      connection.destroy();
    }),
  );
});

t.test(
  "R3 a request line that does not end gets 431, one that does not come gets 408",
  async (t) => {
    const cluster = await startCluster(t, { sticky: { requestLineTimeout: 500 } });
    const long = await RawConnection.open(cluster.port);
    long.write(`GET /${"a".repeat(20_000)}`);
    const tooLong = await long.response();
    t.equal(tooLong.status, 431);
    t.equal(tooLong.headers.connection, "close");
    await long.closed();

    const silent = await RawConnection.open(cluster.port);
    const slow = await RawConnection.open(cluster.port);
    slow.write("GET /pid");
    for (const connection of [silent, slow]) {
      t.equal((await connection.response()).status, 408);
      await connection.closed();
    }
  },
);

t.test("R3 a target of 12 KB is fine", async (t) => {
  const cluster = await sharedCluster();
  const connection = await RawConnection.open(cluster.port);
  connection.write(get(`/pid?${"a".repeat(12_000)}`));
  t.equal((await connection.response()).status, 200);
  connection.destroy();
});

t.test("R3 1,000 half-open heads while service goes on", async (t) => {
  const cluster = await startCluster(t, { sticky: { maxUnrouted: 900 } });
  const halfOpen = [];
  for (let n = 0; n < 1_000; n++) {
    const connection = await RawConnection.open(cluster.port);
    connection.write(n % 2 ? "GET /socket.io/?EIO=4&tra" : "G");
    halfOpen.push(connection);
    if (n % 100 === 99) {
      const socket = await connectClient(t, cluster.port, n % 200 === 99 ? "polling" : "websocket");
      t.equal(await socket.emitWithAck("echo", n), n);
    }
  }
  t.equal((await halfOpen[0]?.response())?.status, 503, "the oldest had to go");
  t.notOk(halfOpen.at(-1)?.ended, "the newest is still waited for");
  // A half-open head can still be completed.
  halfOpen.at(-1)?.write("nsport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n");
  t.equal((await halfOpen.at(-1)?.response())?.status, 200);
  for (const connection of halfOpen) connection.destroy();
});

t.test("R3 20 KB of garbage get an answer, and harm nobody", async (t) => {
  const cluster = await sharedCluster();
  const socket = await connectClient(t, cluster.port);
  const tlsHello = Buffer.concat([Buffer.from([0x16, 0x03, 0x01]), randomBytes(20_000)]);
  for (const garbage of [
    randomBytes(20_000),
    Buffer.alloc(20_000, "\0"),
    Buffer.alloc(20_000, "A"),
    Buffer.alloc(20_000, "\r\n"),
    Buffer.from(`${"GET / HTTP/1.1 ".repeat(1_400)}\n`),
    tlsHello,
  ]) {
    const connection = await RawConnection.open(cluster.port);
    connection.write(garbage);
    const { status } = await connection.response();
    t.ok(status === 400 || status === 431, `${status}`);
    await connection.closed();
  }
  t.equal(await socket.emitWithAck("echo", 1), 1);
  t.equal((await cluster.status()).workers.length, 3);
});

t.test(
  "R3 a head that stays incomplete in the worker ends with the worker's headersTimeout",
  async (t) => {
    // Node looks every 30 s, whatever the timeout; the check is that it looks at all.
    t.setTimeout(60_000);
    const cluster = await startCluster(t, { count: 1, env: { HEADERS_TIMEOUT: "500" } });
    const connection = await RawConnection.open(cluster.port);
    connection.write("GET /pid HTTP/1.1\r\nHost: localhost\r\nX-Half:");
    t.equal((await connection.response()).status, 408);
  },
);

t.test("R4 a client may end its side with the request, as with any Node server", async (t) => {
  const cluster = await sharedCluster();
  const connection = await RawConnection.open(cluster.port);
  connection.socket.end(get("/pid"));
  t.equal((await connection.response()).status, 200);
});

t.test("R4 every byte reaches the worker once, in order, at random packet borders", async (t) => {
  const cluster = await sharedCluster();
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const connection = await RawConnection.open(cluster.port);
      for (let round = 0; round < 5; round++) {
        const body = randomBytes(Math.floor(Math.random() * 60_000)).toString("base64");
        await connection.writePieces(post("/hash", body), 1, 20_000);
        t.equal(
          (await connection.response()).body,
          createHash("sha256").update(body).digest("hex"),
        );
      }
      connection.destroy();
    }),
  );
});

t.test("R5 without a ready worker Node's own client gets 503 and Retry-After", async (t) => {
  const cluster = await startCluster(t, { count: 2, options: { refork: false } });
  const exits = new Set<number>();
  const gone = new Promise<void>((resolve) => {
    cluster.on("worker:exit", ({ pid }) => exits.add(pid ?? 0).size === 2 && resolve());
  });
  for (const pid of await cluster.pids()) process.kill(pid, "SIGKILL");
  await gone;
  for (const [method, body] of [["GET"], ["HEAD"], ["POST", "x".repeat(900_000)]] as const) {
    const req = request({ method, port: cluster.port, host: "127.0.0.1", agent: false });
    req.end(body);
    const [res] = await once(req, "response");
    res.resume();
    await once(res, "end");
    t.equal(res.statusCode, 503, method);
    t.equal(res.headers["retry-after"], "1");
  }
});

t.test("R9 the application sees the client's address, forwarded or not", async (t) => {
  const cluster = await sharedCluster();
  for (const address of ["127.0.0.1", "127.1.2.3"]) {
    const connection = await RawConnection.open(cluster.port, address);
    connection.write(get("/address"));
    t.equal((await connection.response()).body, address);
    // Handshakes on a connection in use may open at any worker.
    for (let n = 0; n < 6; n++) {
      const sid = await openSession(connection);
      t.equal(await callOver(connection, sid, "address"), address);
    }
    connection.destroy();
  }
});
