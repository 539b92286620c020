import { once } from "node:events";
import t from "tap";
import { clientPerWorker, connectClient, runIn } from "../helpers/clients.js";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { next } from "../helpers/heard.js";
import { Random } from "../helpers/random.js";
import { pidOf, trio } from "../helpers/trio.js";

t.setTimeout(200_000);

/** Resolves when `count` workers are ready, and none of `gone` is there any more. */
async function allReady(cluster: TestCluster, count: number, gone: readonly number[]) {
  for (;;) {
    const { workers } = await cluster.status();
    const ready = workers.filter(({ state }) => state === "ready");
    if (ready.length === count && !ready.some(({ pid }) => gone.includes(pid ?? 0))) {
      return ready.map(({ pid }) => pid ?? 0);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

t.test("M4 kill -9 storms: those who start at the same moment are all connected", async (t) => {
  const count = 4;
  const cluster = await startCluster(t, { count, options: { limit: 1_000 } });
  const random = new Random();
  for (let round = 0; round < 5; round++) {
    const pids = await allReady(cluster, count, []);
    const killed = new Set([random.pick(pids), random.pick(pids), random.pick(pids)]);
    const exits = [...killed].map(() => once(cluster, "worker:exit"));
    for (const pid of killed) process.kill(pid, "SIGKILL");
    await Promise.all(exits);
    await allReady(cluster, count, [...killed]);
    const clients = await clientPerWorker(t, cluster.port, count);
    const ids = clients.map(({ id }) => id).sort();
    const found = "return (await io.fetchSockets()).map(({ id }) => id).sort()";
    for (const client of clients)
      t.strictSame(await runIn(client, found), ids, `round ${round}, seed ${random.seed}`);
    for (const client of clients) client.disconnect();
    const [one] = await clientPerWorker(t, cluster.port, 1);
    if (one === undefined) throw new Error("Nobody is there");
    await runIn(
      one,
      "while ((await io.fetchSockets()).length > 1) await new Promise((go) => setTimeout(go, 10))",
    );
    one.disconnect();
  }
});

t.test(
  "M4 a worker starts beside a stopped one, which hears what was said meanwhile",
  async (t) => {
    const cluster = await startCluster(t, { options: { hangTimeout: 120_000 } });
    const [a, b, c] = await trio(t, cluster);
    const elapsed = async (pid: number): Promise<number> => {
      const start = performance.now();
      await cluster.killWorker(pid);
      return performance.now() - start;
    };
    const usual = await elapsed(pidOf(b));
    const [second = 0] = (await cluster.pids()).filter(
      (pid) => pid !== pidOf(a) && pid !== pidOf(c),
    );
    process.kill(pidOf(c), "SIGSTOP");
    const beside = await elapsed(second);
    t.ok(beside < 2 * usual + 1_500, `${beside} ms, ${usual} ms otherwise`);

    let client = await connectClient(t, cluster.port, "websocket");
    while ((await client.emitWithAck("pid")) === pidOf(a)) {
      client.disconnect();
      client = await connectClient(t, cluster.port, "websocket");
    }
    const [atA, atC] = [next(a, "news"), next(c, "news")];
    await runIn(client, `io.emit("news", 1)`);
    t.strictSame(await atA, [1]);
    process.kill(pidOf(c), "SIGCONT");
    t.strictSame(await atC, [1], "nothing is lost for the one that was stopped");
    const ids = [a.id, c.id, client.id].sort();
    for (const one of [a, c, client]) {
      const found = "return (await io.fetchSockets()).map(({ id }) => id).sort()";
      t.strictSame(await runIn(one, found), ids);
    }
  },
);

t.test("B2 a healthy worker lives, however much one turn produces for it", async (t) => {
  const maxQueue = 1_000_000;
  const cluster = await startCluster(t, { options: { maxQueue } });
  const [a, b, c] = await trio(t, cluster);
  const over = [next(b, "over"), next(c, "over")];
  await runIn(
    a,
    `const text = "x".repeat(100_000);
    for (let i = 0; i < 300; i++) io.serverSideEmit("flood", text);
    io.emit("over");`,
  );
  await Promise.all(over);
  const { restarts, workers } = await cluster.status();
  t.equal(restarts, 0);
  t.equal(workers.length, 3);
});

t.test("workers on different adapters are named", async (t) => {
  const cluster = await startCluster(t, { count: 2, env: { ADAPTER: "mixed" } });
  await allReady(cluster, 2, []);
  t.match(cluster.output, /SUPERVISOR_ADAPTERS_DIFFER/);
  const [first, second] = await cluster.pids();
  t.match(cluster.output, new RegExp(`[Ww]orker (${first}|${second}) talks to the others over`));
});
