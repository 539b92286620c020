import type { Test } from "tap";
import t from "tap";
import type { ReloadReport } from "../../src/index.js";
import { connectClient } from "../helpers/clients.js";
import { isAlive, startCluster, type TestCluster } from "../helpers/cluster.js";
import { get, RawConnection } from "../helpers/raw.js";
import { openSessionsAllTheTime, watchProcesses } from "../helpers/reloads.js";

/** Requests that do not end, as streams of server-sent events, at every worker. */
async function holdStreams(cluster: TestCluster): Promise<RawConnection[]> {
  const pids = new Set(await cluster.pids());
  const streams: RawConnection[] = [];
  while (pids.size > 0) {
    // The connection stays with the worker that its first request came to.
    const connection = await RawConnection.open(cluster.port);
    connection.write(get("/pid"));
    const pid = Number((await connection.response()).body);
    if (!pids.delete(pid)) {
      connection.destroy();
      continue;
    }
    connection.write(get("/slow?ms=600000"));
    streams.push(connection);
  }
  return streams;
}

/** What a reload of workers with streams does to those who connect meanwhile. */
async function reloadUnderLoad(t: Test, cluster: TestCluster) {
  const before = await cluster.pids();
  const streams = await holdStreams(cluster);
  const sockets = await Promise.all(
    Array.from({ length: 12 }, () => connectClient(t, cluster.port, "websocket")),
  );
  const load = openSessionsAllTheTime(cluster.port, 4);
  const watching = watchProcesses(cluster);
  const report = await cluster.call<ReloadReport>("reload");
  const { errors } = await load.stop();
  const { fewestReady, mostProcesses } = await watching.stop();
  for (const stream of streams) stream.destroy();
  t.same(errors, [], "no handshake failed");
  t.notOk(before.some(isAlive));
  t.equal((await cluster.status()).restarts, 0, "nobody counts as dead");
  for (const socket of sockets) {
    t.equal(await socket.timeout(10_000).emitWithAck("echo", 1), 1, "clients are served");
  }
  return { report, fewestReady, mostProcesses };
}

t.test(
  "S1 a reload of workers with streams that do not end is over in reloadTimeout",
  async (t) => {
    t.setTimeout(90_000);
    const options = { drainTimeout: 60_000, stopTimeout: 10_000, reloadTimeout: 6_000 };
    const cluster = await startCluster(t, { count: 2, options });
    const { report, fewestReady, mostProcesses } = await reloadUnderLoad(t, cluster);
    // Without it two minutes; with it, the start of workers and a second for each come on top.
    t.ok(report.duration < 20_000, `${report.duration} ms`);
    t.ok(report.duration > 2_000, `the streams had some time: ${report.duration} ms`);
    t.ok(fewestReady >= 2, `${fewestReady} ready`);
    t.ok(mostProcesses <= 3, `${mostProcesses} processes`);
  },
);

t.test("S1 S8 reloadConcurrency: several at a time, never fewer ready than before", async (t) => {
  t.setTimeout(90_000);
  const options = { drainTimeout: 5_000, stopTimeout: 2_000, reloadConcurrency: 3 };
  const cluster = await startCluster(t, { count: 3, options });
  const { report, fewestReady, mostProcesses } = await reloadUnderLoad(t, cluster);
  // One after the other they would have 18 s for their streams alone.
  t.ok(report.duration < 15_000, `${report.duration} ms`);
  t.equal(report.replaced.length, 3);
  t.ok(fewestReady >= 3, `S1: ${fewestReady} ready`);
  t.ok(mostProcesses > 4 && mostProcesses <= 6, `S8: ${mostProcesses} processes`);
});
