import type { Socket } from "socket.io-client";
import msgpack from "socket.io-msgpack-parser";
import t from "tap";
import {
  ALL_TRANSPORTS,
  clientPerWorker,
  connectClient,
  runIn,
  startClient,
} from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { heardOf, next } from "../helpers/heard.js";
import { post, RawConnection, sessionTarget } from "../helpers/raw.js";
import { workerOf } from "../helpers/sessions.js";

const parser = msgpack as never;
const MSGPACK = { IO_MODULE: "msgpack.js" };

/** What JSON would change, or would send apart from the rest. */
const MIXED = {
  bytes: Buffer.from([0, 1, 127, 128, 255]),
  nested: [{ deep: Buffer.from("é") }, null, [Buffer.alloc(0)]],
  text: "é\u0000 𝕏",
  numbers: [0, -1, 1.5, 2 ** 40, -(2 ** 40)],
  flags: [true, false],
};

for (const transports of ALL_TRANSPORTS) {
  t.test(
    `msgpack: broadcasts and acknowledgements across workers over ${transports}`,
    async (t) => {
      const cluster = await startCluster(t, { env: MSGPACK });
      const clients = await clientPerWorker(t, cluster.port, 3, transports, { parser });
      for (const sender of clients) {
        t.same(await sender.emitWithAck("echo", MIXED), MIXED, "there and back");
        const logs = await heardOf(
          clients,
          sender,
          `const bytes = Buffer.from([0, 1, 127, 128, 255]);
        io.emit("news", { bytes, nested: [{ bytes }] }, "x");
        io.to(args[0]).emit("room", bytes);
        socket.broadcast.emit("others", [bytes]);`,
          clients[0]?.id,
        );
        const bytes = Buffer.from([0, 1, 127, 128, 255]);
        const news = ["news", { bytes, nested: [{ bytes }] }, "x"];
        const expected = clients.map((client, n) => [
          news,
          ...(n === 0 ? [["room", bytes]] : []),
          ...(client === sender ? [] : [["others", [bytes]]]),
        ]);
        t.same(logs, expected);
      }
      for (const [n, client] of clients.entries()) {
        client.on("question", (value, answer) => answer([n, value]));
      }
      const answers = await runIn<[number, Buffer][]>(
        clients[0] as Socket,
        `return await io.timeout(10_000).emitWithAck("question", Buffer.from([9]))`,
      );
      t.same(
        answers.sort(([a], [b]) => a - b),
        clients.map((_, n) => [n, Buffer.from([9])]),
        "answers of clients of all workers",
      );
    },
  );
}

t.test("msgpack: a session's packets come on connections of any worker", async (t) => {
  const cluster = await startCluster(t, { env: MSGPACK });
  const client = await connectClient(t, cluster.port, "polling", { parser, upgrade: false });
  await runIn(client, `socket.on("relay", (bytes) => socket.emit("relayed", bytes))`);
  const packet = { type: 2, nsp: "/", data: ["relay", Buffer.from([0, 255])] };
  const [bytes] = new msgpack.Encoder().encode(packet) as unknown as Buffer[];
  // In polling, bytes travel as base64, marked with a "b" (Engine.IO 4).
  const body = `b${Buffer.from(bytes as Buffer).toString("base64")}`;
  const workers = new Set<number>();
  for (let n = 0; n < 6; n++) {
    const connection = await RawConnection.open(cluster.port);
    workers.add(await workerOf(connection));
    const relayed = next(client, "relayed");
    connection.write(post(sessionTarget(client.io.engine.id ?? ""), body));
    t.equal((await connection.response()).status, 200);
    t.same(await relayed, [Buffer.from([0, 255])]);
    connection.destroy();
  }
  t.equal(workers.size, 3);
});

t.test(
  "msgpack: the session of a client with another parser ends, and no worker does",
  async (t) => {
    const cluster = await startCluster(t, { env: MSGPACK });
    const before = await cluster.pids();
    const other = startClient(t, cluster.port, "websocket", { reconnection: false });
    const reason = await new Promise((resolve) => other.io.on("close", resolve));
    t.equal(reason, "transport close");
    t.equal(other.connected, false);
    const client = await connectClient(t, cluster.port, "websocket", { parser });
    t.equal(await client.emitWithAck("echo", 1), 1);
    t.same(await cluster.pids(), before, "the same workers are there");
  },
);
