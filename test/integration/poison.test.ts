// A request that ends the worker which gets it is no other worker's to try.
import { once } from "node:events";
import t, { type Test } from "tap";
import { fixture, startCluster, type TestCluster } from "../helpers/cluster.js";
import { isWhole, onlyInGate, wholeOr } from "../helpers/gate.js";
import { get, handshake, RawConnection, sessionTarget } from "../helpers/raw.js";
import { sessionsOnEveryWorker, workerOf } from "../helpers/sessions.js";

t.setTimeout(120_000);

const poisoned = (kind: string): string =>
  get(`/socket.io/?EIO=4&transport=polling&poison=${kind}`);

async function start(
  t: Test,
  execArgv = ["--warnings"],
): Promise<{ cluster: TestCluster; ended: number[] }> {
  const cluster = await startCluster(t, {
    execArgv,
    count: 3,
    env: { IO_MODULE: "poisonous.js" },
    options: { hangTimeout: 3_000, limit: 100, backoffInitial: 10, backoffMax: 100 },
  });
  const ended: number[] = [];
  cluster.on("worker:exit", ({ pid }) => ended.push(pid ?? 0));
  return { cluster, ended };
}

/** What the client of such a request gets: an answer, or 0 for the end of its connection. */
async function send(
  cluster: TestCluster,
  bytes: string,
  connection?: RawConnection,
): Promise<number> {
  const over = connection ?? (await RawConnection.open(cluster.port));
  const exit = once(cluster, "worker:exit");
  const ready = once(cluster, "worker:ready");
  over.write(bytes);
  const answer = await over.response().catch(() => undefined);
  await Promise.all([exit, ready]);
  over.destroy();
  return answer?.status ?? 0;
}

for (const kind of wholeOr(["exit", "later", "hang"], ["hang"])) {
  t.test(`a request by which its worker ends (${kind}) ends one worker`, async (t) => {
    const { cluster, ended } = await start(t);
    for (let n = 1; n <= (isWhole ? 3 : 1); n++) {
      const status = await send(cluster, poisoned(kind));
      if (kind !== "later") t.equal(status, 0, "its connection ends with that worker");
      await sessionsOnEveryWorker(cluster.port, 3); // the others are at work
      t.equal(ended.length, n);
    }
  });
}

t.test(
  "one by which it is killed, which could be anybody's doing, is tried by one more",
  { skip: onlyInGate },
  async (t) => {
    const { cluster, ended } = await start(t);
    t.equal(await send(cluster, poisoned("kill")), 0, "its connection ends");
    await sessionsOnEveryWorker(cluster.port, 3);
    t.equal(ended.length, 2);
  },
);

t.test("the same where sockets go Node's own way", { skip: onlyInGate }, async (t) => {
  const { cluster, ended } = await start(t, ["--import", fixture("no-stream-wrap.js")]);
  for (let n = 1; n <= 10; n++) {
    await send(cluster, poisoned(n % 2 ? "kill" : "exit"));
    await sessionsOnEveryWorker(cluster.port, 3);
    t.equal(ended.length, n);
  }
});

t.test("whoever came behind it in the same moment is served by another worker", async (t) => {
  const { cluster, ended } = await start(t);
  const crowd = await Promise.all(
    Array.from({ length: 60 }, () => RawConnection.open(cluster.port)),
  );
  const exit = once(cluster, "worker:exit");
  const bad = await RawConnection.open(cluster.port);
  for (const [n, connection] of crowd.entries()) {
    if (n === 30) bad.write(poisoned("exit"));
    connection.write(handshake());
  }
  const statuses = await Promise.all(
    crowd.map((connection) =>
      connection.response().then(
        ({ status }) => status,
        () => 0,
      ),
    ),
  );
  await exit;
  const lost = statuses.filter((status) => status !== 200);
  // What that worker had begun to read ends with it; it reads in turns, so that is not nothing.
  t.ok(lost.length <= 20, `${lost.length} of a third of 60 lost their connection`);
  t.equal(ended.length, 1);
  for (const connection of [...crowd, bad]) connection.destroy();
});

t.test(
  "a forwarded one ends the worker that gets it, and nobody else",
  { skip: onlyInGate },
  async (t) => {
    const { cluster, ended } = await start(t);
    const sessions = await sessionsOnEveryWorker(cluster.port, 3);
    const connection = await RawConnection.open(cluster.port);
    const here = await workerOf(connection);
    const [owner = 0, sid = ""] = [...sessions].find(([pid]) => pid !== here) ?? [];
    t.equal(await send(cluster, get(`${sessionTarget(sid)}&poison=kill`), connection), 502);
    t.same(ended, [owner]);
    // Handshakes on a connection that was in use are placed, and forwarded.
    for (let n = 0; n < 6; n++) {
      const used = await RawConnection.open(cluster.port);
      await workerOf(used);
      const before = ended.length;
      await send(cluster, poisoned(n % 2 ? "later" : "kill"), used);
      await sessionsOnEveryWorker(cluster.port, 3);
      t.equal(ended.length, before + 1);
    }
  },
);

t.test(
  "a connection that ends its worker before a byte of it is read",
  { skip: onlyInGate },
  async (t) => {
    const { cluster, ended } = await start(t);
    const connection = await RawConnection.open(cluster.port, "127.66.6.6");
    await send(cluster, handshake(), connection);
    await sessionsOnEveryWorker(cluster.port, 3);
    t.equal(ended.length, 1);
  },
);
