import t from "tap";
import { ALL_TRANSPORTS, runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { forwardedBy } from "../helpers/forwarded.js";
import { onlyInGate } from "../helpers/gate.js";
import { until } from "../helpers/loopback.js";
import { call, connectOldClient, nextOf } from "../helpers/old-client.js";
import { trio } from "../helpers/trio.js";
import { usedConnections } from "../helpers/used-connections.js";

const allow = (options: object = {}) => ({
  IO_OPTIONS: JSON.stringify({ allowEIO3: true, ...options }),
});

for (const transports of ALL_TRANSPORTS) {
  for (const shared of [false, true]) {
    if (shared && transports === "websocket") continue; // one connection each, by its nature
    const way = `${transports}, ${shared ? "on used connections" : "on their own connections"}`;
    const skip = shared && transports === "polling" ? false : onlyInGate;
    t.test(`clients of Socket.IO 2: ${way}`, { skip }, async (t) => {
      const cluster = await startCluster(t, { exec: "counts-forwarded.js", env: allow() });
      const clients = await trio(t, cluster);
      const url = `http://127.0.0.1:${cluster.port}`;
      // Two requests at a time for each client, or they would wait for one another's polls.
      const agent = shared ? usedConnections(t, { keepAlive: true, maxSockets: 24 }) : undefined;
      const old = await Promise.all(
        Array.from({ length: 12 }, () => connectOldClient(t, url, transports, { agent })),
      );

      if (transports === "upgrade") {
        const isUpgraded = () => old.every((o) => o.io.engine.transport.name === "websocket");
        await until("all are upgraded", isUpgraded, 15_000);
      }
      const pids = await Promise.all(old.map((socket) => call<number>(socket, "pid")));
      t.equal(new Set(pids).size, 3, "all workers have some");
      for (let round = 0; round < 5; round++) {
        const answers = await Promise.all(old.map((socket, n) => call(socket, "echo", [round, n])));
        t.same(
          answers,
          old.map((_, n) => [round, n]),
        );
      }
      const binary = {
        name: "é",
        data: Buffer.from([0, 1, 127, 128, 255]),
        more: [Buffer.alloc(0)],
      };
      t.same(await call(old[0] as (typeof old)[0], "echo", binary), binary, "binary data");

      for (const client of clients) {
        const heard = old.map((socket) => nextOf(socket, "news"));
        await runIn(client, `io.emit("news", "x", Buffer.from([1, 2, 255]))`);
        const all = await Promise.all(heard);
        t.same(
          all,
          old.map(() => ["x", Buffer.from([1, 2, 255])]),
          "broadcasts of each worker reach all",
        );
      }
      const { requests, upgrades } = await forwardedBy(clients);
      t.comment(`forwarded: ${requests} requests, ${upgrades} of them upgrades`);
      if (shared && transports === "polling") {
        t.ok(requests > 0, "requests reached other workers than their sessions'");
      }
    });
  }
}

t.test("clients of Socket.IO 2 send their own heartbeat, and live on", async (t) => {
  const intervals = { pingInterval: 250, pingTimeout: 2_000 };
  const cluster = await startCluster(t, { env: allow(intervals) });
  for (const transports of ALL_TRANSPORTS) {
    const url = `http://127.0.0.1:${cluster.port}`;
    const socket = await connectOldClient(t, url, transports, { reconnection: false });
    let pongs = 0;
    const onPong = () => pongs++;
    socket.io.on("pong", onPong);
    await until("heartbeats are answered", () => pongs >= 4, 15_000);
    t.equal(socket.connected, true, transports);
    socket.io.off("pong", onPong);
  }
});

t.test("clients of Socket.IO 2 use namespaces and rooms over all workers", async (t) => {
  const cluster = await startCluster(t, { env: allow() });
  const clients = await trio(t, cluster);
  const old = await Promise.all(
    Array.from({ length: 6 }, (_, n) =>
      connectOldClient(
        t,
        `http://127.0.0.1:${cluster.port}/dynamic-old`,
        ALL_TRANSPORTS[n % 3] ?? "polling",
      ),
    ),
  );
  t.same(await Promise.all(old.map((socket, n) => call(socket, "echo", n))), [0, 1, 2, 3, 4, 5]);
  const pids = await runIn<number[]>(
    clients[0],
    `io.of("/dynamic-old").socketsJoin("all");
    return (await io.of("/dynamic-old").fetchSockets()).map(({ data }) => data.pid)`,
  );
  t.equal(pids.length, 6);
  t.equal(new Set(pids).size, 3);
  const heard = old.map((socket) => nextOf(socket, "news"));
  await runIn(clients[1], `io.of("/dynamic-old").to("all").emit("news", 1)`);
  t.same(
    await Promise.all(heard),
    old.map(() => [1]),
  );
});

t.test(
  "clients of Socket.IO 2 come back when their worker dies",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t, { env: allow() });
    for (const transports of ALL_TRANSPORTS) {
      const socket = await connectOldClient(t, `http://127.0.0.1:${cluster.port}`, transports);
      const pid = await call<number>(socket, "pid");
      const back = nextOf(socket, "connect");
      await cluster.killWorker(pid);
      await back;
      t.not(await call(socket, "pid"), pid, transports);
    }
  },
);

t.test("without allowEIO3 a client of Socket.IO 2 is told that it is too old", async (t) => {
  const cluster = await startCluster(t);
  const url = `http://127.0.0.1:${cluster.port}`;
  for (const transports of ["polling", "websocket"] as const) {
    await t.rejects(connectOldClient(t, url, transports, { reconnection: false }), transports);
  }
  const answer = await fetch(`${url}/socket.io/?EIO=3&transport=polling`);
  t.equal(answer.status, 400);
  t.same(await answer.json(), { code: 5, message: "Unsupported protocol version" });
});
