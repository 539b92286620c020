import { request } from "node:http";
import type { Socket as NetSocket } from "node:net";
import { gunzipSync, inflateSync } from "node:zlib";
import type { Socket } from "socket.io-client";
import t, { type Test } from "tap";
import { makeServerCertificate, noOpenssl } from "../helpers/certificates.js";
import { clientPerWorker, connectClient, runIn, upgraded } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { forwardedBy } from "../helpers/forwarded.js";
import { next } from "../helpers/heard.js";
import { post, RawConnection, sessionTarget } from "../helpers/raw.js";
import { sessionsOnEveryWorker, workerOf } from "../helpers/sessions.js";
import { summary } from "../helpers/summary.js";
import { usedConnections } from "../helpers/used-connections.js";

const LARGE = "compressible ".repeat(20_000);
const THRESHOLD = 1024;
const DEFLATE = { IO_OPTIONS: JSON.stringify({ perMessageDeflate: { threshold: THRESHOLD } }) };

/** The WebSocket of the package ws beneath a client in Node. */
interface NodeWebSocket {
  extensions: string;
  _socket: NetSocket;
}

const webSocketOf = ({ io }: Socket) =>
  (io.engine.transport as unknown as { ws: NodeWebSocket }).ws;

for (const transports of ["websocket", "upgrade"] as const) {
  t.test(`per-message deflate, over ${transports}: large payloads travel small`, async (t) => {
    const cluster = await startCluster(t, { env: DEFLATE });
    const clients = await clientPerWorker(t, cluster.port, 3, transports);
    await Promise.all(clients.map(upgraded));
    for (const client of clients) {
      t.equal(webSocketOf(client).extensions, "permessage-deflate");
      const heard = clients.map((other) => next(other, "bytes"));
      await runIn(client, `io.emit("bytes", Buffer.alloc(100_000, 7))`);
      const bytes = Buffer.alloc(100_000, 7);
      for (const args of await Promise.all(heard)) t.same(summary(args), summary([bytes]));
    }
    await travelSmall(t, clients);
  });
}

t.test("without per-message deflate nothing is compressed", async (t) => {
  const cluster = await startCluster(t, { count: 1 });
  const client = await connectClient(t, cluster.port, "websocket");
  t.equal(webSocketOf(client).extensions, "");
  const written = webSocketOf(client)._socket.bytesWritten;
  t.equal(await client.emitWithAck("size", LARGE), LARGE.length);
  t.ok(webSocketOf(client)._socket.bytesWritten - written > LARGE.length);
});

t.test("per-message deflate, on upgrades that came to another worker first", async (t) => {
  const cluster = await startCluster(t, { env: DEFLATE });
  const agent = usedConnections(t);
  const clients = await Promise.all(
    Array.from({ length: 9 }, () => connectClient(t, cluster.port, "upgrade", { agent })),
  );
  await travelSmall(t, clients);
});

t.test(
  "per-message deflate, on upgrades that are forwarded: TLS",
  { skip: noOpenssl },
  async (t) => {
    const TLS_DIR = t.testdir();
    await makeServerCertificate(TLS_DIR);
    const env = { ...DEFLATE, TLS_DIR };
    const cluster = await startCluster(t, { exec: "counts-forwarded.js", env });
    const url = `https://127.0.0.1:${cluster.port}`;
    const options = { rejectUnauthorized: false };
    const clients = await clientPerWorker(t, url, 3, "websocket", options);
    const others: Socket[] = [];
    do {
      const more = Array.from({ length: 6 }, () => connectClient(t, url, "upgrade", options));
      others.push(...(await Promise.all(more)));
      await Promise.all(others.map(upgraded));
    } while ((await forwardedBy(clients)).upgrades === 0);
    await travelSmall(t, others);
  },
);

/** What the worker of the first of these sends to all, and what each of them sends, is compressed. */
async function travelSmall(t: Test, clients: readonly Socket[]): Promise<void> {
  await Promise.all(clients.map(upgraded));
  const heard = clients.map((client) => next(client, "news"));
  const before = clients.map((client) => webSocketOf(client)._socket.bytesRead);
  await runIn(clients[0] as Socket, `io.emit("news", args[0])`, LARGE);
  for (const args of await Promise.all(heard)) t.same(summary(args), summary([LARGE]));
  for (const [n, client] of clients.entries()) {
    const read = webSocketOf(client)._socket.bytesRead - (before[n] ?? 0);
    t.ok(read < 20_000, `${read} bytes`);
    const written = webSocketOf(client)._socket.bytesWritten;
    t.equal(await client.emitWithAck("size", LARGE), LARGE.length);
    t.ok(webSocketOf(client)._socket.bytesWritten - written < 20_000, "the other way as well");
  }
}

for (const encoding of ["gzip", "deflate"] as const) {
  t.test(`polling answers are compressed (${encoding}), forwarded ones as well`, async (t) => {
    const cluster = await startCluster(t);
    for (const [pid, sid] of await sessionsOnEveryWorker(cluster.port, 3)) {
      for (const own of [true, false]) {
        const connection = own
          ? await RawConnection.open(cluster.port)
          : await foreignConnection(cluster.port, pid);
        connection.write(post(sessionTarget(sid), `420["echo","${LARGE}"]`));
        t.equal((await connection.response()).status, 200);
        // Only the parser of Node takes bytes as they are; it gets the connection as it is now.
        const polled = await new Promise<{ headers: Record<string, unknown>; body: Buffer }>(
          (resolve, reject) => {
            const req = request({
              createConnection: () => connection.socket,
              path: sessionTarget(sid),
              headers: { "Accept-Encoding": encoding },
            });
            req.on("error", reject).on("response", async (res) => {
              const chunks: Buffer[] = [];
              for await (const chunk of res) chunks.push(chunk);
              resolve({ headers: res.headers, body: Buffer.concat(chunks) });
            });
            req.end();
          },
        );
        t.equal(polled.headers["content-encoding"], encoding);
        t.ok(polled.body.length < 20_000, `${polled.body.length} bytes`);
        const inflated = (encoding === "gzip" ? gunzipSync : inflateSync)(polled.body);
        t.same(summary(inflated), summary(Buffer.from(`430["${LARGE}"]`)));
        connection.destroy();
      }
    }
  });
}

/** A connection of any worker but this. */
async function foreignConnection(port: number, owner: number): Promise<RawConnection> {
  for (;;) {
    const connection = await RawConnection.open(port);
    if ((await workerOf(connection)) !== owner) return connection;
    connection.destroy();
  }
}
