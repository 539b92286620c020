import t from "tap";
import {
  ALL_TRANSPORTS,
  clientPerWorker,
  connectClient,
  runIn,
  upgraded,
} from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { get, RawConnection } from "../helpers/raw.js";
import { start } from "../helpers/spawned.js";

t.test(
  "workers with setupWorker of @socket.io/sticky serve clients under our primary",
  async (t) => {
    const cluster = await startCluster(t, { env: { SETUP: "upstream" } });
    for (const transports of ALL_TRANSPORTS) {
      for (let n = 0; n < 6; n++) {
        const socket = await connectClient(t, cluster.port, transports);
        if (transports === "upgrade") await upgraded(socket);
        t.equal(await socket.timeout(5_000).emitWithAck("echo", n), n);
        const text = "é".repeat(20_000);
        t.equal(await socket.timeout(5_000).emitWithAck("size", text), text.length);
      }
    }
    const connection = await RawConnection.open(cluster.port);
    connection.write(get("/pid"));
    t.equal((await connection.response()).headers.connection, "close", "its own way");
    const { workers, sessions } = await cluster.status();
    t.equal(sessions, 18);
    for (const worker of workers) t.ok(Math.abs(worker.sessions - 6) <= 1, String(worker.sessions));
  },
);

t.test("R5 such a worker gets nobody before it can take connections", async (t) => {
  const cluster = await startCluster(t, {
    exec: "slow-start.js",
    env: { SETUP: "upstream" },
    count: 2,
  });
  t.same(
    (await cluster.status()).workers.map(({ state }) => state),
    ["ready", "ready"],
  );
  const socket = await connectClient(t, cluster.port, "websocket");
  t.equal(await socket.emitWithAck("echo", 1), 1);
});

t.test(
  'routing: "upstream" runs @socket.io/sticky on both sides',
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t, { sticky: { routing: "upstream" } });
    const sockets = await clientPerWorker(t, cluster.port, 3);
    for (const transports of ALL_TRANSPORTS) {
      // On a busy machine upstream loses bytes that primary and worker read at the same time, and
      // that request is never answered; a client of its own accord would try again as well.
      let echoed: string | undefined;
      for (let tries = 0; tries < 5 && echoed === undefined; tries++) {
        echoed = await connectClient(t, cluster.port, transports)
          .then((socket) => socket.timeout(5_000).emitWithAck("echo", transports))
          .catch(() => undefined);
      }
      t.equal(echoed, transports);
    }
    const found = await runIn<number>(
      sockets[0] as (typeof sockets)[0],
      "return (await io.fetchSockets()).length",
    );
    t.ok(found >= 3, "the adapter spans the workers");
    const connection = await RawConnection.open(cluster.port);
    connection.write(get("/pid"));
    t.equal((await connection.response()).headers.connection, "close", "what upstream does");
  },
);

t.test("workers of plain cluster.fork(), without a manager", { skip: onlyInGate }, async (t) => {
  const running = start(t, process.execPath, ["test/fixtures/plain-fork.js"]);
  const [, port] = await running.says(/listening on (\d+)/);
  const sockets = await clientPerWorker(t, Number(port), 2);
  const received = new Promise((resolve) => sockets[1]?.once("news", resolve));
  await runIn(sockets[0] as (typeof sockets)[0], 'io.emit("news", Buffer.from([1, 2, 3]))');
  t.same(await received, Buffer.from([1, 2, 3]));
});

t.test("an Engine.IO server alone", async (t) => {
  const cluster = await startCluster(t, { exec: "engine-only.js" });
  const connection = await RawConnection.open(cluster.port);
  for (let n = 0; n < 6; n++) {
    connection.write(get("/engine.io/?EIO=4&transport=polling"));
    const sid = JSON.parse((await connection.response()).body.slice(1)).sid;
    const target = `/engine.io/?EIO=4&transport=polling&sid=${sid}`;
    connection.write(`POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n4hello`);
    t.equal((await connection.response()).status, 200);
    connection.write(get(target));
    t.equal((await connection.response()).body, "4hello");
  }
  connection.destroy();
});
