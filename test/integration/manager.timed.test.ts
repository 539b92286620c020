import { once } from "node:events";
import t from "tap";
import { connectClient, runIn } from "../helpers/clients.js";
import { isAlive, launchCluster, startCluster } from "../helpers/cluster.js";
import { isWhole, onlyInGate } from "../helpers/gate.js";
import { until } from "../helpers/loopback.js";
import { get, openSession, RawConnection, sessionTarget } from "../helpers/raw.js";

t.test("the manager knows its workers by pid, as Midway's does", async (t) => {
  const cluster = await startCluster(t, { count: 2 });
  const ids = await cluster.call<string[]>("workerIds");
  t.same(
    ids.map(Number),
    (await cluster.status()).workers.map(({ pid }) => pid),
  );
  t.ok(ids.every((id) => isAlive(Number(id))));
  const status = await cluster.status();
  t.equal(status.phase, "running");
  t.same(
    status.workers.map(({ state }) => state),
    ["ready", "ready"],
  );
});

t.test(
  "a worker that dies is replaced, at once the first time",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t, { count: 2 });
    const [victim = 0, other] = await cluster.pids();
    const exit = once(cluster, "worker:exit");
    await cluster.killWorker(victim);
    const [{ pid, exit: how }] = await exit;
    t.equal(pid, victim);
    t.match(how, { exitCode: null, signal: "SIGKILL" });
    const pids = await cluster.pids();
    t.equal(pids.length, 2);
    t.ok(pids.includes(other ?? 0));
    t.notOk(pids.includes(victim));
  },
);

t.test("S3 a worker that fails to boot: start() rejects with its own error", async (t) => {
  const cluster = launchCluster(t, { count: 2, exec: "crash-on-boot.js" });
  const [{ error }] = await once(cluster, "start-failed");
  t.equal(error?.code, "ERR_SUPERVISOR_BOOT");
  t.match(error?.message, /exited with code 7 before it was ready/);
  t.match(error?.message, /the database is not there/);
  t.equal((await cluster.exit()).code, 1);
});

t.test("S3 a worker that is never ready is killed after workerInitTimeout", async (t) => {
  const cluster = launchCluster(t, {
    count: 1,
    exec: "never-ready.js",
    options: { workerInitTimeout: 400 },
  });
  const [{ error }] = await once(cluster, "start-failed");
  t.match(error?.message, /not ready within 400 ms \(workerInitTimeout\).*setupWorker\(io\)/);
  t.equal((await cluster.exit()).code, 1);
});

t.test("S3 over the restart limit the primary gives up, and says why", async (t) => {
  const cluster = await startCluster(t, { count: 2, options: { limit: 2, duration: 60_000 } });
  const gaveUp = once(cluster, "cluster:give-up");
  const workers = new Set<number>();
  cluster.on("worker:ready", ({ pid }) => process.kill(pid ?? 0, "SIGKILL"));
  for (const pid of await cluster.pids()) {
    workers.add(pid);
    process.kill(pid, "SIGKILL");
  }
  const [{ message }] = await gaveUp;
  t.match(message, /more than 2 workers died within 60000 ms.*was ended by SIGKILL/s);
  t.equal((await cluster.exit()).code, 1);
  await until("it is logged", () => cluster.output.includes("Giving up"));
  t.notOk([...workers].some(isAlive));
});

t.test("refork: false leaves dead workers dead", { skip: onlyInGate }, async (t) => {
  const cluster = await startCluster(t, { count: 2, options: { refork: false } });
  const [victim = 0] = await cluster.pids();
  const exit = once(cluster, "worker:exit");
  process.kill(victim, "SIGKILL");
  await exit;
  t.equal((await cluster.pids()).length, 1);
});

const CLIENTS = isWhole ? 1_000 : 200;

t.test("S7 stop() with many open clients is in time, and they get their close", async (t) => {
  t.setTimeout(60_000);
  const cluster = await startCluster(t);
  const polls: RawConnection[] = [];
  for (let n = 0; n < 0.7 * CLIENTS; n++) {
    const connection = await RawConnection.open(cluster.port);
    const sid = await openSession(connection);
    connection.write(get(sessionTarget(sid)));
    polls.push(connection);
  }
  const sockets = await Promise.all(
    Array.from({ length: 0.3 * CLIENTS }, () =>
      connectClient(t, cluster.port, "websocket", { reconnection: false }),
    ),
  );
  while ((await cluster.status()).sessions < CLIENTS) await new Promise(setImmediate);
  const start = performance.now();
  await cluster.call("stop");
  const ms = Math.round(performance.now() - start);
  t.ok(ms < 5_000, `${ms} ms`);
  const closes = await Promise.all(polls.map((connection) => connection.response()));
  t.ok(
    closes.every(({ status, body }) => status === 200 && body === "1"),
    "a close packet each",
  );
  t.same((await cluster.status()).workers, []);
  await Promise.all(
    sockets.map(async (socket) => {
      while (socket.connected) await new Promise((resolve) => setTimeout(resolve, 10));
    }),
  );
});

t.test(
  "S7 a worker with a SIGTERM handler of its own ends itself",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t, { count: 1 });
    const socket = await connectClient(t, cluster.port, "websocket", { reconnection: false });
    await runIn(
      socket,
      `process.on("SIGTERM", () => { console.log("worker says goodbye"); process.exit(0); });`,
    );
    await cluster.call("stop");
    while (!cluster.output.includes("worker says goodbye")) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    t.same((await cluster.status()).workers, []);
  },
);

t.test("S7 a worker that does not end is killed when the time is up", async (t) => {
  const cluster = await startCluster(t, { count: 2 });
  const [victim = 0] = await cluster.pids();
  process.kill(victim, "SIGSTOP");
  const start = performance.now();
  await cluster.call("stop", 600);
  const ms = performance.now() - start;
  t.ok(ms >= 500 && ms < 6_000, `${ms} ms`);
  t.notOk(isAlive(victim));
});

t.test("S7 requests in flight finish before the worker ends", async (t) => {
  const cluster = await startCluster(t, { count: 1 });
  const connection = await RawConnection.open(cluster.port);
  const idle = await RawConnection.open(cluster.port);
  idle.write(get("/pid"));
  await idle.response();
  connection.write(get("/slow?ms=800"));
  // Answered later than the slow request was read.
  idle.write(get("/pid"));
  await idle.response();
  const stopped = cluster.call("stop");
  t.equal((await connection.response()).body, "slow");
  const start = performance.now();
  await stopped;
  t.ok(performance.now() - start < 4_000, "and does not wait any longer");
});

t.test("S7 a second signal does not wait; an echo of the first is none", async (t) => {
  const cluster = await startCluster(t, { count: 1, options: { stopTimeout: 60_000 } });
  const [pid = 0] = await cluster.pids();
  process.kill(pid, "SIGSTOP");
  cluster.child.kill("SIGTERM");
  while (!cluster.output.includes("SIGTERM: stopping")) await new Promise(setImmediate);
  const start = performance.now();
  // As tsx and npm hand on what the terminal has sent already; and then a person.
  const again = setInterval(() => cluster.child.kill("SIGTERM"), 50);
  t.teardown(() => clearInterval(again));
  t.equal((await cluster.exit()).code, 1);
  t.ok(performance.now() - start > 300, "the first half second does not count");
  while (isAlive(pid)) await new Promise(setImmediate);
});

t.test("S6 when the primary is killed, its workers end", async (t) => {
  const cluster = await startCluster(t);
  const pids = await cluster.pids();
  cluster.child.kill("SIGKILL");
  const start = performance.now();
  while (pids.some(isAlive)) await new Promise(setImmediate);
  t.ok(performance.now() - start < 5_000);
});

t.test("plain HTTP workers without stickiness: ready when they listen", async (t) => {
  const cluster = await startCluster(t, {
    exec: "plain-http.js",
    count: 2,
    options: { sticky: false },
  });
  t.same(
    (await cluster.status()).workers.map(({ state }) => state),
    ["ready", "ready"],
  );
});

t.test("calls that the state does not allow are refused", async (t) => {
  const { ClusterManager } = await import("../../src/index.js");
  const manager = new ClusterManager({ count: 1 });
  t.ok(manager.isPrimary());
  t.same(manager.getWorkerIds(), []);
  t.notOk(manager.hasWorker("1"));
  t.throws(() => manager.stop(0), { code: "ERR_SUPERVISOR_OPTION" });
  await manager.stop();
  await t.rejects(manager.start(), { code: "ERR_SUPERVISOR_STATE" });
});
