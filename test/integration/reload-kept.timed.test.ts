import { Agent, type IncomingMessage, request } from "node:http";
import t from "tap";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { isWhole, onlyInGate } from "../helpers/gate.js";
import { get, RawConnection } from "../helpers/raw.js";

async function isDraining(cluster: TestCluster, pid: number): Promise<boolean> {
  const { workers } = await cluster.status();
  return workers.some((worker) => worker.pid === pid && worker.state === "draining");
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

t.test(
  "S1 a kept connection that a client uses while its worker drains answers",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t, {
      count: 1,
      exec: "keeps-alive.js",
      env: { KEEP: "8000" }, // a slow machine may take that long until the drain
    });
    const [old = 0] = await cluster.pids();
    const used = await RawConnection.open(cluster.port);
    const unused = await RawConnection.open(cluster.port);
    for (const connection of [used, unused]) {
      connection.write(get("/pid"));
      const { body, headers } = await connection.response();
      t.equal(body, String(old));
      t.not(headers.connection, "close");
    }
    const begin = performance.now();
    const reloading = cluster.call("reload");
    while (!(await isDraining(cluster, old)));
    await pause(1_000); // past everything that the worker does at the beginning of its drain
    t.notOk(used.ended, "it is not closed under the client");
    used.write(get("/pid"));
    const { body, headers } = await used.response();
    t.equal(body, String(old));
    t.equal(headers.connection, "close", "and is told to use another one");
    await used.closed();
    await unused.closed();
    await reloading;
    const took = performance.now() - begin;
    t.ok(took < 25_000, `the one that nobody used kept it until keepAliveTimeout: ${took} ms`);
  },
);

t.test(
  "S1 connections that are kept for longer than the drain end with it",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t, {
      count: 1,
      exec: "keeps-alive.js",
      options: { drainTimeout: 2_000 },
    });
    const connection = await RawConnection.open(cluster.port);
    connection.write(get("/pid"));
    t.equal((await connection.response()).status, 200);
    const begin = performance.now();
    await cluster.call("reload");
    const took = performance.now() - begin;
    t.ok(took < 15_000, `${took} ms`);
    await connection.closed();
  },
);

t.test("S1 a reload under the load of clients that keep connections: none fails", async (t) => {
  t.setTimeout(120_000);
  const cluster = await startCluster(t, {
    count: 2,
    options: { drainTimeout: isWhole ? 8_000 : 2_000 },
  });
  const failed: string[] = [];
  let answered = 0;
  let reused = 0;
  let stopped = false;
  const ask = (agent: Agent, path: string) =>
    new Promise<void>((resolve) => {
      const req = request({ port: cluster.port, host: "127.0.0.1", agent, path });
      req.once("response", async (res: IncomingMessage) => {
        for await (const _ of res);
        if (res.statusCode !== 200) failed.push(String(res.statusCode));
        answered++;
        if (req.reusedSocket) reused++;
        resolve();
      });
      req.once("error", (error) => {
        failed.push(`${error.message} on a ${req.reusedSocket ? "kept" : "new"} connection`);
        resolve();
      });
      req.end();
    });
  const clients = Array.from({ length: 40 }, async (_, n) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!stopped) {
      await ask(agent, n % 2 ? "/pid" : "/socket.io/?EIO=4&transport=polling");
      await pause((n * 37) % 900);
    }
    agent.destroy();
  });
  const before = await cluster.pids();
  await cluster.call("reload");
  stopped = true;
  await Promise.all(clients);
  t.same(failed, [], `${answered} requests, ${reused} of them on kept connections`);
  t.ok(reused > 100, `${reused} on kept connections`);
  t.notOk((await cluster.pids()).some((pid) => before.includes(pid)));
});
