import { Agent } from "node:http";
import t from "tap";
import { connectClient } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { forwardedBy } from "../helpers/forwarded.js";
import { heardOf, next } from "../helpers/heard.js";
import { get, handshake, RawConnection } from "../helpers/raw.js";
import { workerOf } from "../helpers/sessions.js";
import { trio } from "../helpers/trio.js";

const WEBSOCKET_ONLY = { IO_OPTIONS: JSON.stringify({ transports: ["websocket"] }) };

t.test("a WebSocket-only deployment works without any forwarding", async (t) => {
  const cluster = await startCluster(t, { exec: "counts-forwarded.js", env: WEBSOCKET_ONLY });
  const clients = await trio(t, cluster);
  // As with a client behind a proxy that keeps connections: an agent may use them again.
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const more = await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      connectClient(t, cluster.port, "websocket", n % 2 === 0 ? {} : { agent: agent as never }),
    ),
  );

  const pids = await Promise.all(more.map((socket) => socket.emitWithAck("pid")));
  t.equal(new Set(pids).size, 3, "all workers have some");
  const everywhere = await heardOf([...clients, ...more], clients[0], `io.emit("news", 1)`);
  t.ok(
    everywhere.every((log) => JSON.stringify(log) === '[["news",1]]'),
    "broadcasts reach all",
  );

  // Connections that are lost and made again.
  const back = more.slice(0, 20).map((socket) => next(socket, "connect"));
  for (const socket of more.slice(0, 20)) socket.io.engine.close();
  await Promise.all(back);
  for (const [n, socket] of more.entries()) t.equal(await socket.emitWithAck("echo", n), n);

  const forwarded = await forwardedBy(clients);
  t.same(forwarded, { requests: 0, upgrades: 0 }, "no worker has made a request to another one");
});

t.test("what counts forwarded requests does count them", async (t) => {
  const cluster = await startCluster(t, { exec: "counts-forwarded.js" });
  const clients = await trio(t, cluster);
  const shared = await RawConnection.open(cluster.port);
  const here = await workerOf(shared);
  let foreign = 0;
  for (const client of clients) {
    const sid = client.io.engine.id;
    shared.write(get(`/socket.io/?EIO=4&transport=polling&sid=${sid}`));
    const { body } = await shared.response();
    t.match(body, /Bad request/, "the owner: this session does not poll");
    if ((await client.emitWithAck("pid")) !== here) foreign++;
  }
  t.equal(foreign, 2);
  t.same(await forwardedBy(clients), { requests: 2, upgrades: 0 });
  shared.destroy();
});

t.test("a WebSocket-only server refuses polling, on fresh and on used connections", async (t) => {
  const cluster = await startCluster(t, { env: WEBSOCKET_ONLY });
  const connection = await RawConnection.open(cluster.port);
  for (let n = 0; n < 4; n++) {
    connection.write(handshake());
    const { status, body } = await connection.response();
    t.same([status, JSON.parse(body)], [400, { code: 0, message: "Transport unknown" }]);
  }
  connection.destroy();
  await t.rejects(connectClient(t, cluster.port, "polling", { reconnection: false }));
  const client = await connectClient(t, cluster.port, "websocket");
  t.ok(client.connected, "and goes on");
});
