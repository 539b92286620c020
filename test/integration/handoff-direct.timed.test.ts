import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { fixture, startCluster, type TestCluster } from "../helpers/cluster.js";
import { isWhole, onlyInGate } from "../helpers/gate.js";
import { until } from "../helpers/loopback.js";
import { get, handshake, RawConnection } from "../helpers/raw.js";

const LINE = /worker (\d+) has a direct line/g;

/** Connections that open a session each and end, a few at a time. */
async function openAndClose(port: number, isOver: () => boolean, loops: number) {
  const seen = { answered: 0, failed: [] as string[] };
  const loop = async () => {
    while (!isOver()) {
      const connection = await RawConnection.open(port);
      connection.write(handshake());
      try {
        const { status } = await connection.response();
        if (status === 200) seen.answered++;
        else seen.failed.push(`status ${status}`);
        // Whoever answers twice does it at once.
        if (connection.received.length > 0) seen.failed.push("a second answer");
      } catch (error) {
        seen.failed.push((error as Error).message);
      }
      connection.destroy();
    }
  };
  await Promise.all(Array.from({ length: loops }, loop));
  return seen;
}

const serving = async (cluster: TestCluster): Promise<number[]> =>
  (await cluster.status()).workers
    .filter(({ state }) => state === "ready")
    .map(({ pid }) => pid ?? 0);

t.test("each worker gets a direct line", async (t) => {
  const cluster = await startCluster(t, {
    count: 3,
    env: { NODE_DEBUG: "socket-supervisor" },
  });
  // It is told with the worker's next notice, which may come after it is ready.
  await until("all have one", () => [...cluster.output.matchAll(LINE)].length === 3);
  t.notMatch(cluster.output, "SUPERVISOR_SLOW_HANDOFFS");
});

t.test(
  "where Node does not offer it, sockets go its own way, with one warning",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t, {
      count: 2,
      execArgv: ["--warnings", "--import", fixture("no-stream-wrap.js")],
    });
    let left = 200;
    const { answered, failed } = await openAndClose(cluster.port, () => left-- <= 0, 10);
    t.strictSame(failed, []);
    t.ok(answered >= 200);
    t.equal([...cluster.output.matchAll(/SUPERVISOR_SLOW_HANDOFFS/g)].length, 1);
  },
);

const KILLS = isWhole ? 10 : 3;

t.test("R8 no connection is lost, and none answered twice, while workers are killed", async (t) => {
  const cluster = await startCluster(t, {
    count: 3,
    options: { backoffMax: 100, limit: 1_000 },
  });
  let isOver = false;
  const load = openAndClose(cluster.port, () => isOver, 30);
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(600); // so much load between two kills
    const ready = await serving(cluster);
    const victim = ready.at(kill % Math.max(1, ready.length));
    // Clients of the last one would be refused until another is ready.
    if (victim !== undefined && ready.length > 1) await cluster.killWorker(victim);
  }
  isOver = true;
  const { answered, failed } = await load;
  t.ok(answered > 50 * KILLS, `${answered} were answered`);
  t.strictSame(failed, []);
  const { restarts } = await cluster.status();
  t.ok(restarts >= KILLS / 2, `${restarts} workers were killed`);
});

t.test("B3 what a stopped worker has not taken goes elsewhere, and is answered once", async (t) => {
  const cluster = await startCluster(t, { count: 3 });
  const [stopped = 0] = await serving(cluster);
  process.kill(stopped, "SIGSTOP");
  t.teardown(() => process.kill(stopped, "SIGCONT"));
  const connections = await Promise.all(
    Array.from({ length: 60 }, () => RawConnection.open(cluster.port)),
  );
  const start = performance.now();
  for (const connection of connections) connection.write(handshake());
  const answers = await Promise.all(connections.map((connection) => connection.response()));
  t.ok(performance.now() - start < 3_000, "nobody waits for it");
  t.strictSame(
    answers.filter(({ status }) => status !== 200),
    [],
  );
  process.kill(stopped, "SIGCONT");
  // It sees all that was meant for it; what it has withdrawn it lets alone.
  for (const connection of connections) connection.write(get("/pid"));
  const pids = await Promise.all(connections.map(async (it) => (await it.response()).body));
  t.equal(pids.includes(String(stopped)), false, "none of them is its");
  t.ok(connections.every(({ received, ended }) => received.length === 0 && !ended));
  // In use again, as soon as it has told.
  let isBack = false;
  for (let n = 0; n < 200 && !isBack; n++) {
    const connection = await RawConnection.open(cluster.port);
    connection.write(get("/pid"));
    isBack = (await connection.response()).body === String(stopped);
    connection.destroy();
    if (!isBack) await sleep(20);
  }
  t.ok(isBack);
  for (const connection of connections) connection.destroy();
});
