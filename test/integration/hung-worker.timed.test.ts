// B3 with one worker that stands still: what does not need it does not wait for it. Each time is that
// of one step; as if nothing had been done it would be the 20 s after which the worker is killed.
import { once } from "node:events";
import type { Socket } from "socket.io-client";
import t, { type Test } from "tap";
import { clientPerWorker, connectClient, runIn } from "../helpers/clients.js";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { until } from "../helpers/loopback.js";
import { get, handshake, RawConnection, sessionTarget, sidIn } from "../helpers/raw.js";

/** How long what does not need the worker may take (ms). */
const AT_ONCE = 1_500;

interface Hung {
  cluster: TestCluster;
  victimPid: number;
  /** A client for each of the workers that go on. */
  others: [Socket, Socket];
  /** When the worker stopped. */
  since: number;
}

/** Three workers, of which one has stopped just now; the primary does not know it yet. */
async function hung(t: Test): Promise<Hung> {
  const cluster = await startCluster(t, { count: 3, options: { hangTimeout: 20_000 } });
  const [victim, first, second] = await clientPerWorker(t, cluster.port, 3);
  if (first === undefined || second === undefined) throw new Error("too few clients");
  const victimPid: number = await victim?.emitWithAck("pid");
  process.kill(victimPid, "SIGSTOP");
  return { cluster, victimPid, others: [first, second], since: performance.now() };
}

const isKnown = async ({ cluster }: Hung): Promise<boolean> =>
  (await cluster.status()).workers.some(({ state }) => state === "hung");

/** How long `act` takes, while the worker still hangs (ms). */
async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

/** ms from the end of a worker until another one has taken its place. */
async function replace(cluster: TestCluster, pid: number): Promise<number> {
  const [exit, ready] = [once(cluster, "worker:exit"), once(cluster, "worker:ready")];
  process.kill(pid, "SIGKILL");
  const [[gone], [there]] = await Promise.all([exit, ready]);
  return (there.at ?? Number.NaN) - (gone.at ?? Number.NaN);
}

t.test("a new worker becomes ready as fast as without it", { skip: onlyInGate }, async (t) => {
  const cluster = await startCluster(t, { count: 3, options: { hangTimeout: 20_000 } });
  const [stopped, ...pids] = await cluster.pids();
  // Its own start, and the backoff of a second death, are not what is measured.
  const alone = await replace(cluster, pids[0] ?? 0);
  process.kill(stopped ?? 0, "SIGSTOP");
  const unknown = await replace(cluster, pids[1] ?? 0);
  t.ok(unknown - alone < AT_ONCE, `before it is known: ${unknown} ms, without it ${alone}`);
  await until("it is known", async () =>
    (await cluster.status()).workers.some(({ state }) => state === "hung"),
  );
  const next = (await cluster.pids()).find((pid) => pid !== stopped) ?? 0;
  const known = await replace(cluster, next);
  t.ok(known - alone < AT_ONCE, `later: ${known} ms, without it ${alone}`);
  t.match(await cluster.status(), { restarts: 3 }, "it still hangs");
});

t.test("fetchSockets() of a new namespace does not wait for it", async (t) => {
  const worker = await hung(t);
  const { cluster, others } = worker;
  const serve = (name: string) => Promise.all(others.map((o) => runIn(o, "io.of(args[0])", name)));
  const fetch = (from: Socket, name: string) =>
    runIn<string[]>(from, "return (await io.of(args[0]).fetchSockets()).map(({ id }) => id)", name);
  for (const name of ["/before", "/later"]) {
    if (name === "/later") await until("it is known", () => isKnown(worker));
    let found: string[] | undefined;
    const first = await timed(async () => {
      found = await fetch(others[0], name);
    });
    t.same(found, [], "nobody is there");
    t.ok(first < AT_ONCE, `${name}: ${first} ms`);
  }
  // The other worker has it, too, and a client there is found.
  await serve("/later");
  const client = await connectClient(t, `http://127.0.0.1:${cluster.port}/later`, "websocket");
  for (const other of others) {
    const ms = await timed(async () => {
      t.same(await fetch(other, "/later"), [client.id], "a client of either worker");
    });
    t.ok(ms < AT_ONCE, `${ms} ms`);
  }
});

t.test("a stale sid is answered at once, and handshakes do not wait", async (t) => {
  const worker = await hung(t);
  const { cluster } = worker;
  const { port } = cluster;
  const ask = async (request: string, status: number): Promise<number> => {
    const connection = await RawConnection.open(port);
    t.teardown(() => connection.destroy());
    return timed(async () => {
      connection.write(request);
      t.equal((await connection.response()).status, status);
    });
  };
  const stale = () => ask(get(sessionTarget("nobody")), 400);

  // One socket at most is on its way to it, and stays: it may have been read. All others go elsewhere.
  const late: RawConnection[] = [];
  const answered: number[] = [];
  for (let n = 0; n < 12; n++) {
    const connection = await RawConnection.open(port);
    t.teardown(() => connection.destroy());
    late.push(connection);
    const start = performance.now();
    connection.write(handshake());
    connection
      .response()
      .then((response) => {
        answered.push(performance.now() - start);
        late.splice(late.indexOf(connection), 1);
        t.equal(response.status, 200);
      })
      .catch((error: Error) => t.error(error));
  }
  const unknown = await stale();
  t.ok(unknown < AT_ONCE, `a stale sid, before it is known: ${unknown} ms`);
  await until("all but one are answered", async () => answered.length >= 11, 5_000);
  t.ok(late.length <= 1);
  t.same(
    answered.filter((ms) => ms >= AT_ONCE),
    [],
    "handshakes, before it is known",
  );

  await until("it is known", () => isKnown(worker));
  for (let n = 0; n < 6; n++) {
    const known = await stale();
    t.ok(known < AT_ONCE, `a stale sid, later: ${known} ms`);
    const ms = await ask(handshake(), 200);
    t.ok(ms < AT_ONCE, `a handshake, later: ${ms} ms`);
  }
  t.ok(performance.now() - worker.since < 20_000, "all of it while it hangs");
  process.kill(worker.victimPid, "SIGCONT");
  await until("the last one is answered, too", async () => late.length === 0, 10_000);
});

t.test(
  "keep-alive connections of the workers that go on do not wait either",
  { skip: onlyInGate },
  async (t) => {
    const worker = await hung(t);
    const connection = await RawConnection.open(worker.cluster.port);
    t.teardown(() => connection.destroy());
    await until("it is known", () => isKnown(worker));
    connection.write(handshake());
    const sid = sidIn(await connection.response());
    // The second handshake is one of which the worker asks the primary where it should open.
    const ms = await timed(async () => {
      connection.write(handshake());
      t.not(sidIn(await connection.response()), sid);
      connection.write(get(sessionTarget("nobody")));
      t.equal((await connection.response()).status, 400);
    });
    t.ok(ms < AT_ONCE, `${ms} ms`);
  },
);
