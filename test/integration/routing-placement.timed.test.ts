import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { ALL_TRANSPORTS, connectClient } from "../helpers/clients.js";
import { isAlive, startCluster, type TestCluster } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { get, handshake, RawConnection, sidIn } from "../helpers/raw.js";
import { sharedCluster } from "../helpers/shared-cluster.js";

/** Sessions per worker, once the primary has heard of `total` (or of fewer, when some ended). */
async function spread(cluster: TestCluster, total: number): Promise<number[]> {
  for (;;) {
    const { workers, sessions } = await cluster.status();
    if (sessions === total) return workers.map((worker) => worker.sessions);
  }
}

for (const method of ["least-connection", "round-robin"] as const) {
  const skip = method === "least-connection" ? false : onlyInGate;
  t.test(`R6 400 simultaneous handshakes spread evenly (${method})`, { skip }, async (t) => {
    const cluster = await startCluster(t, { sticky: { loadBalancingMethod: method } });
    const connections = await Promise.all(
      Array.from({ length: 400 }, () => RawConnection.open(cluster.port)),
    );
    for (const connection of connections) connection.write(handshake());
    for (const connection of connections) sidIn(await connection.response());
    for (const sessions of await spread(cluster, 400)) {
      t.ok(Math.abs(sessions - 400 / 3) <= (400 / 3) * 0.05, `${sessions} of 400`);
    }
    for (const connection of connections) connection.destroy();
  });
}

t.test(
  "R6 1,000 clients from one address, a few at a time, spread evenly",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t);
    const connections: RawConnection[] = [];
    for (let n = 0; n < 1_000; n += 20) {
      const some = await Promise.all(
        Array.from({ length: 20 }, () => RawConnection.open(cluster.port)),
      );
      for (const connection of some) connection.write(handshake());
      for (const connection of some) sidIn(await connection.response());
      connections.push(...some);
    }
    for (const sessions of await spread(cluster, 1_000)) {
      t.ok(Math.abs(sessions - 1_000 / 3) <= (1_000 / 3) * 0.05, `${sessions} of 1,000`);
    }
    for (const connection of connections) connection.destroy();
  },
);

t.test("R6 a new worker gets new sessions until it has as many as the others", async (t) => {
  const cluster = await startCluster(t);
  for (let n = 0; n < 30; n++)
    await connectClient(t, cluster.port, "websocket", { reconnection: false });
  const [victim = 0] = await cluster.pids();
  await cluster.killWorker(victim);
  t.equal((await spread(cluster, 20)).filter((sessions) => sessions === 10).length, 2);
  for (let n = 0; n < 10; n++) await connectClient(t, cluster.port, "websocket");
  t.same(await spread(cluster, 30), [10, 10, 10]);
});

t.test("R6 handshakes after a page on one connection, as browsers do it, spread too", async (t) => {
  const cluster = await startCluster(t);
  const connection = await RawConnection.open(cluster.port);
  for (let n = 0; n < 60; n++) {
    connection.write(get("/pid"));
    await connection.response();
    connection.write(handshake());
    sidIn(await connection.response());
  }
  for (const sessions of await spread(cluster, 60)) {
    t.ok(Math.abs(sessions - 20) <= 2, `${sessions} of 60`);
  }
  connection.destroy();
});

t.test("R6 application requests take turns", async (t) => {
  const cluster = await sharedCluster();
  const served = new Map<string, number>();
  for (let n = 0; n < 30; n++) {
    const connection = await RawConnection.open(cluster.port);
    connection.write(get("/pid"));
    const { body } = await connection.response();
    served.set(body, (served.get(body) ?? 0) + 1);
    connection.destroy();
  }
  t.same([...served.values()], [10, 10, 10]);
});

t.test("R5 a worker that is starting gets nobody", async (t) => {
  const cluster = await startCluster(t, { count: 2, exec: "slow-start.js" });
  const [victim = 0, other] = await cluster.pids();
  const killed = new Promise<void>((resolve) => {
    cluster.once("worker:exit", () => resolve());
  });
  process.kill(victim, "SIGKILL");
  await killed;
  // Its replacement needs 500 ms; whoever came to it would have to wait.
  for (let n = 0; n < 20; n++) {
    const socket = await connectClient(t, cluster.port, ALL_TRANSPORTS[n % 3]);
    t.equal(await socket.emitWithAck("pid"), other);
  }
  t.ok((await cluster.status()).workers.some(({ state }) => state === "starting"));
});

t.test("R10 the gateways are this user's alone, and go with the cluster", async (t) => {
  const cluster = await startCluster(t);
  const prefix = `socket-supervisor-${cluster.child.pid}-`;
  const dirs = () => readdirSync(tmpdir()).filter((name) => name.startsWith(prefix));
  const [name = ""] = dirs();
  t.match(name, /-[A-Za-z0-9]{6}$/);
  const dir = join(tmpdir(), name);
  t.equal((await stat(dir)).mode & 0o777, 0o700);
  t.equal(readdirSync(dir).length, 6, "a gateway and a door of the mesh for each worker");

  const [victim = 0] = await cluster.pids();
  await cluster.killWorker(victim);
  cluster.child.kill("SIGTERM");
  await cluster.exit();
  t.same(dirs(), []);
});

t.test("R10 what a killed primary left behind is swept by the next", async (t) => {
  // A folder of its own: any cluster of this user sweeps what it finds.
  const folder = mkdtempSync(join(tmpdir(), "swept-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const env = { TMPDIR: folder };
  const killed = await startCluster(t, { count: 1, env });
  const prefix = `socket-supervisor-${killed.child.pid}-`;
  const dirs = () => readdirSync(folder).filter((name) => name.startsWith(prefix));
  const pids = await killed.pids();
  // All at once, so that the worker cannot clean up either.
  killed.destroy();
  await killed.exit();
  while (pids.some(isAlive)) await new Promise(setImmediate);
  t.equal(dirs().length, 1);
  const next = await startCluster(t, { count: 1, env });
  while (dirs().length > 0) await new Promise(setImmediate);
  t.ok(next.port);
});

t.test("R10 the gateway of another cluster is not swept, nor is a living one", async (t) => {
  const first = await startCluster(t, { count: 1 });
  const second = await startCluster(t, { count: 1 });
  const socket = await connectClient(t, first.port);
  t.equal(await socket.emitWithAck("echo", 1), 1);
  for (const { child } of [first, second]) {
    t.ok(readdirSync(tmpdir()).some((name) => name.startsWith(`socket-supervisor-${child.pid}-`)));
  }
});

t.test("R10 a client cannot make itself a forwarded request", async (t) => {
  const cluster = await sharedCluster();
  const connection = await RawConnection.open(cluster.port);
  const forged = JSON.stringify({ engine: 0, client: { remoteAddress: "9.9.9.9" } });
  connection.write(get("/address", { "x-supervisor-forwarded": forged }));
  t.equal((await connection.response()).body, "127.0.0.1");
  for (let n = 0; n < 6; n++) {
    connection.write(
      get("/socket.io/?EIO=4&transport=polling", { "x-supervisor-forwarded": forged }),
    );
    t.ok(sidIn(await connection.response()), "also when the handshake is forwarded");
  }
  connection.destroy();
});
