import { once } from "node:events";
import { request } from "node:http";
import type { Socket } from "socket.io-client";
import t from "tap";
import type { ReloadReport } from "../../src/index.js";
import { ALL_TRANSPORTS, connectClient } from "../helpers/clients.js";
import { isAlive, startCluster, type TestCluster } from "../helpers/cluster.js";
import { isWhole, onlyInGate } from "../helpers/gate.js";
import { callOver, get, openSession, RawConnection, sessionTarget } from "../helpers/raw.js";

/** Opens fresh sessions until it is stopped; collects what went wrong. */
function openSessionsAllTheTime(port: number, loops: number) {
  const errors: string[] = [];
  let opened = 0;
  let stopped = false;
  const loop = async () => {
    while (!stopped) {
      await new Promise<void>((resolve) => {
        const req = request(
          { port, host: "127.0.0.1", agent: false, path: "/socket.io/?EIO=4&transport=polling" },
          async (res) => {
            let body = "";
            for await (const chunk of res.setEncoding("utf8")) body += chunk;
            if (res.statusCode === 200 && body.startsWith("0{")) opened++;
            else errors.push(`${res.statusCode} ${body}`);
            resolve();
          },
        );
        req.once("error", (error) => {
          errors.push(error.message);
          resolve();
        });
        req.end();
      });
    }
  };
  const done = Promise.all(Array.from({ length: loops }, loop));
  return {
    async stop() {
      stopped = true;
      await done;
      return { errors, opened };
    },
  };
}

/** When the client's connection dropped. */
const drops = (sockets: Socket[]): number[] => {
  const times: number[] = [];
  for (const socket of sockets) socket.on("disconnect", () => times.push(performance.now()));
  return times;
};

/** The most that happened within any 100 ms. */
const densest = (times: number[]): number =>
  Math.max(0, ...times.map((t0) => times.filter((at) => at >= t0 && at < t0 + 100).length));

async function allConnected(sockets: Socket[]): Promise<void> {
  await Promise.all(
    sockets.map(async (socket) => {
      if (!socket.connected) {
        await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
      }
    }),
  );
}

t.test("S1 S2 a reload under load: no handshake fails, sessions move one by one", async (t) => {
  t.setTimeout(90_000);
  const cluster = await startCluster(t, { options: { drainTimeout: isWhole ? 3_000 : 1_200 } });
  const sockets = await Promise.all(
    Array.from({ length: 90 }, (_, n) => connectClient(t, cluster.port, ALL_TRANSPORTS[n % 3])),
  );
  const before = await cluster.pids();
  const dropped = drops(sockets);
  const load = openSessionsAllTheTime(cluster.port, 8);
  const progress: unknown[] = [];
  cluster.on("reload:progress", ({ detail }) => progress.push(detail));
  const watching = watchProcesses(cluster);

  const report = await cluster.call<ReloadReport>("reload");

  const { errors, opened } = await load.stop();
  t.same(errors, [], `${opened} sessions were opened`);
  t.ok(opened > 100, `${opened} sessions were opened`);
  await allConnected(sockets);
  t.ok(densest(dropped) <= 30, `${densest(dropped)} of 90 dropped within 100 ms`);
  for (const [n, socket] of sockets.entries()) {
    t.equal(await socket.timeout(5_000).emitWithAck("echo", n), n);
  }
  const after = await cluster.pids();
  t.equal(after.length, 3);
  t.notOk(after.some((pid) => before.includes(pid)));
  t.notOk(before.some(isAlive));
  t.same(report.replaced.map((pair) => pair.old).sort(), [...before].sort());
  t.equal(report.generation, 1);
  t.ok(report.sessionsMoved >= 90, `${report.sessionsMoved} moved`);
  t.equal(progress.length, 3);
  const { fewestReady, mostProcesses } = await watching.stop();
  t.ok(fewestReady >= 3, `S1: ${fewestReady} ready`);
  t.ok(mostProcesses <= 4, `S8: ${mostProcesses} processes`);
});

/** Asks for the status over and over. */
function watchProcesses(cluster: TestCluster) {
  let fewestReady = Number.POSITIVE_INFINITY;
  let mostProcesses = 0;
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      const { workers } = await cluster.status();
      fewestReady = Math.min(fewestReady, workers.filter(({ state }) => state === "ready").length);
      mostProcesses = Math.max(mostProcesses, workers.length);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await done;
      return { fewestReady, mostProcesses };
    },
  };
}

t.test(
  "S2 a polling session gets its close in a proper response, and downloads finish",
  async (t) => {
    const cluster = await startCluster(t, { count: 1, options: { drainTimeout: 30_000 } });
    const connection = await RawConnection.open(cluster.port);
    const sid = await openSession(connection);
    const [pid] = await cluster.pids();
    t.equal(await callOver(connection, sid, "pid"), pid);
    connection.write(get(sessionTarget(sid)));
    const download = await RawConnection.open(cluster.port);
    download.write(get("/slow?ms=2000"));
    const reloading = cluster.call<ReloadReport>("reload");
    const poll = await connection.response();
    t.equal(poll.status, 200);
    t.equal(poll.body, "1", "the close packet");
    await connection.closed();
    const slow = await download.response();
    t.equal(slow.body, "slow");
    const { duration } = await reloading;
    t.ok(duration < 20_000, `it does not wait for the drain time: ${duration} ms`);
  },
);

t.test("S1 a reload whose new worker does not boot is abandoned; the next one works", async (t) => {
  const cluster = await startCluster(t, { count: 2, exec: "versioned.js" });
  const socket = await connectClient(t, cluster.port, "websocket");
  const before = await cluster.pids();
  await cluster.call("setEnv", "VERSION", "broken");
  await t.rejects(cluster.call("reload"), {
    code: "ERR_SUPERVISOR_BOOT",
    message: /exited with code 3 before it was ready.*the new version is broken/s,
  });
  t.same(await cluster.pids(), before);
  t.ok(socket.connected);
  t.equal(await socket.emitWithAck("echo", 1), 1);
  t.equal((await cluster.status()).generation, 0);

  await cluster.call("setEnv", "VERSION", "fixed");
  await cluster.call("reload");
  t.notOk((await cluster.pids()).some((pid) => before.includes(pid)));
});

t.test(
  "S1 reloads are serialised: who asks during one gets the next, all the same one",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t, { count: 1, options: { drainTimeout: 500 } });
    const reports = await Promise.all(
      Array.from({ length: 4 }, () => cluster.call<ReloadReport>("reload")),
    );
    t.same(
      reports.map(({ generation }) => generation),
      [1, 2, 2, 2],
    );
  },
);

t.test("SIGHUP reloads, SIGTTIN and SIGTTOU scale", async (t) => {
  const cluster = await startCluster(t, { count: 2, options: { drainTimeout: 500 } });
  const before = await cluster.pids();
  const done = once(cluster, "reload:done");
  cluster.child.kill("SIGHUP");
  await done;
  t.notOk((await cluster.pids()).some((pid) => before.includes(pid)));

  const ready = once(cluster, "worker:ready");
  cluster.child.kill("SIGTTIN");
  await ready;
  t.equal((await cluster.pids()).length, 3);
  const exit = once(cluster, "worker:exit");
  cluster.child.kill("SIGTTOU");
  await exit;
  t.equal((await cluster.pids()).length, 2);
  t.equal((await cluster.status()).restarts, 0, "nobody died");
});

t.test(
  "scaling down moves the sessions of those that leave, and loses none of the others",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t, { options: { drainTimeout: 1_000 } });
    const sockets = await Promise.all(
      Array.from({ length: 30 }, () => connectClient(t, cluster.port, "websocket")),
    );
    const dropped = drops(sockets);
    await cluster.call("scale", 1);
    await allConnected(sockets);
    const { workers, count } = await cluster.status();
    t.equal(count, 1);
    t.equal(workers.length, 1);
    t.equal(dropped.length, 20);
    await cluster.call("scale", 2);
    t.equal((await cluster.pids()).length, 2);
    await t.rejects(cluster.call("scale", 0), { code: "ERR_SUPERVISOR_OPTION" });
  },
);

t.test("a worker dies in the middle of a reload: it heals", { skip: onlyInGate }, async (t) => {
  const cluster = await startCluster(t, { options: { drainTimeout: 500 } });
  const before = await cluster.pids();
  const started = once(cluster, "reload:start");
  const reloading = cluster.call<ReloadReport>("reload");
  await started;
  process.kill(before[2] ?? 0, "SIGKILL");
  await reloading;
  const { workers } = await cluster.status();
  t.same(
    workers.map(({ state, generation }) => `${state} ${generation}`),
    ["ready 1", "ready 1", "ready 1"],
  );
});

t.test("maxMemory: a worker above it is replaced gracefully", { skip: onlyInGate }, async (t) => {
  const cluster = await startCluster(t, {
    count: 2,
    options: { drainTimeout: 500, maxMemory: 250 * 1024 * 1024 },
  });
  const before = await cluster.pids();
  const socket = await connectClient(t, cluster.port, "websocket");
  const pid: number = await socket.emitWithAck("pid");
  const exited = once(cluster, "worker:exit");
  await socket.emitWithAck("run", { code: "globalThis.leak = Buffer.alloc(300 * 1024 * 1024, 1)" });
  const [said] = await exited;
  t.equal(said.pid, pid);
  t.not(said.exit?.signal, "SIGKILL", "it ended in order");
  await allConnected([socket]);
  const after = await cluster.pids();
  t.equal(after.filter((item) => before.includes(item)).length, 1, "the other one stays");
  t.equal(after.length, 2);
});
