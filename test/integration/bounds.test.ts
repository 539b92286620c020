import { once } from "node:events";
import { request } from "node:http";
import type { Socket } from "socket.io-client";
import t, { type Test } from "tap";
import { named } from "../helpers/cli.js";
import { clientPerWorker, connectClient, runIn } from "../helpers/clients.js";
import { isAlive, startCluster, type TestCluster } from "../helpers/cluster.js";
import { wholeOr } from "../helpers/gate.js";
import { inspect } from "../helpers/inspect-cli.js";
import { DebuggerSession } from "../helpers/inspector.js";
import { until } from "../helpers/loopback.js";

const MIB = 1024 * 1024;

/** One request on a connection of its own; how long its answer took (ms), and its status. */
function timed(port: number, query: string): Promise<{ status: number | undefined; ms: number }> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", agent: false as const };
    request({ ...options, path: `/socket.io/?EIO=4&transport=polling${query}` }, (res) => {
      res.resume().on("end", () => {
        resolve({ status: res.statusCode, ms: performance.now() - start });
      });
    })
      .on("error", reject)
      .end();
  });
}

const FLOOD = `
  const payload = "x".repeat(100_000);
  for (let n = 0; n < args[0]; n++) {
    io.emit("flood", payload);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }`;

/** The victim stands still with what the others send it; `other` floods it beyond 8 MiB. */
async function floodUntilKilled(
  t: Test,
  cluster: TestCluster,
  { victimPid, other }: { victimPid: number; other: Socket },
): Promise<void> {
  const otherPid: number = await other.emitWithAck("pid");
  const queueOf = async (pid: number) =>
    (await cluster.status()).workers.find((worker) => worker.pid === pid)?.queue ?? 0;
  await runIn(other, FLOOD, 40);
  let queue = 0;
  await until("what waits is shown", async () => {
    queue = await queueOf(victimPid);
    return queue > 2 * MIB;
  });
  t.ok(queue < 8 * MIB, `${queue}`);
  t.ok((await queueOf(otherPid)) < 1_000, "hardly anything waits for the one that reads");

  const hang = once(cluster, "worker:hang");
  const exit = once(cluster, "worker:exit");
  const ready = once(cluster, "worker:ready");
  await Promise.all([runIn(other, FLOOD, 80), hang, exit]);
  const [said] = await hang;
  t.equal(said.pid, victimPid);
  t.match(said.exit, { message: /does not read the \d+ MB that wait for it \(maxQueue\)/ });
  const reported = (said.exit as unknown as { queue: number }).queue;
  // All that was said is 11.5 MiB.
  t.ok(reported > 2 * MIB && reported < 12 * MIB, `${reported}`);
  t.notOk(isAlive(victimPid));
  await ready;
  t.match(await cluster.status(), { restarts: 1 });
  await until("nothing waits any more", async () =>
    (await cluster.status()).workers.every((worker) => worker.queue < MIB),
  );
}

for (const adapter of wholeOr(["mesh", "ipc"], ["mesh"])) {
  const setUp = async (t: Test) => {
    const options = { maxQueue: 8 * MIB, hangTimeout: 60_000 };
    const env = { SETUP_OPTIONS: JSON.stringify({ adapter }) };
    const { name, cluster } = await named(t, { count: 2, options, env });
    const [victim, other] = await clientPerWorker(t, cluster.port, 2);
    if (victim === undefined || other === undefined) throw new Error("no client");
    const victimPid: number = await victim.emitWithAck("pid");
    return { name, cluster, victim, other, victimPid };
  };

  t.test(`B2 a worker that does not read is killed and replaced (${adapter})`, async (t) => {
    const { cluster, other, victimPid } = await setUp(t);
    process.kill(victimPid, "SIGSTOP");
    await floodUntilKilled(t, cluster, { victimPid, other });
    // The one that took its place gets what is sent.
    const again = await connectClient(t, cluster.port, "websocket");
    await until("both workers have clients", async () => {
      const pids = await runIn<number[]>(
        other,
        "return (await io.fetchSockets()).map(({ data }) => data.pid)",
      );
      return new Set(pids).size === 2;
    });
    const heard = new Promise((resolve) => again.once("flood", resolve));
    await runIn(other, FLOOD, 1);
    await heard;
  });

  t.test(`B2 so is one that a debugger has stopped (${adapter})`, async (t) => {
    const { name, cluster, victim, other, victimPid } = await setUp(t);
    const session = await DebuggerSession.open(t, await inspect(t, name, victimPid));
    await session.call("Debugger.enable");
    const paused = session.event("Debugger.paused");
    victim.emit("run", { code: "debugger;" }, () => {});
    await paused;
    await floodUntilKilled(t, cluster, { victimPid, other });
  });
}

t.test("B2 a worker that reads gets far more than the bound in one turn (mesh)", async (t) => {
  const options = { maxQueue: 8 * MIB, hangTimeout: 60_000 };
  const cluster = await startCluster(t, { count: 2, options });
  const [reader, other] = await clientPerWorker(t, cluster.port, 2);
  if (reader === undefined || other === undefined) throw new Error("no client");
  let heard = 0;
  reader.on("burst", () => heard++);
  const pids = await cluster.pids();
  const burst = 'for (let n = 0; n < 400; n++) io.emit("burst", "x".repeat(100_000));';
  await runIn(other, burst);
  await until("all has come", () => heard === 400, 20_000);
  t.strictSame(await cluster.pids(), pids);
});

t.test("B3 what does not need a worker that hangs does not wait for it", async (t) => {
  const cluster = await startCluster(t, { count: 3, options: { hangTimeout: 20_000 } });
  const [victim] = await clientPerWorker(t, cluster.port, 3);
  const victimPid: number = await victim?.emitWithAck("pid");
  process.kill(victimPid, "SIGSTOP");

  // Nobody knows it yet. One socket is on its way to it, and stays; all others go elsewhere.
  const handshakes = Array.from({ length: 12 }, () => timed(cluster.port, ""));
  const answered: number[] = [];
  for (const handshake of handshakes) handshake.then(({ ms }) => answered.push(ms)).catch(() => {});
  await until("all others are answered", async () => answered.length >= 11, 5_000);
  const stale = await timed(cluster.port, "&sid=nobody");
  t.equal(stale.status, 400);
  t.ok(stale.ms < 4_000, `a sid that nobody knows, at once: ${stale.ms} ms`);

  await until("it is known to hang", async () =>
    (await cluster.status()).workers.some(({ state }) => state === "hung"),
  );
  const later = await timed(cluster.port, "&sid=nobody");
  t.equal(later.status, 400);
  t.ok(later.ms < 1_000, `a sid that nobody knows, later: ${later.ms} ms`);
  const [first] = await Promise.all([timed(cluster.port, ""), timed(cluster.port, "")]);
  t.equal(first.status, 200);
  t.ok(first.ms < 1_000, `a handshake: ${first.ms} ms`);
  process.kill(victimPid, "SIGCONT");
  await until("the last one is answered", async () => answered.length === 12, 10_000);
  for (const handshake of handshakes) t.equal((await handshake).status, 200);
});
