import { randomBytes } from "node:crypto";
import t, { type Test } from "tap";
import { startCluster } from "../helpers/cluster.js";
import { load, loadReport } from "../helpers/load.js";

const ARGS = [
  "--clients",
  "8",
  "--ramp",
  "0.2",
  "--warm-up",
  "0.2",
  "--duration",
  "2",
  "--rate",
  "5",
  "--broadcasts",
  "5",
];

async function cluster(t: Test) {
  const name = `load-test-${randomBytes(4).toString("hex")}`;
  const cluster = await startCluster(t, {
    exec: "load-worker.js",
    count: 2,
    options: { name, drainTimeout: 500, limit: 10 },
  });
  return { name, cluster, url: `http://127.0.0.1:${cluster.port}` };
}

t.test("reload: all clients move, no handshake fails", async (t) => {
  const { name, cluster: running, url } = await cluster(t);
  const before = await running.pids();
  const args = [...ARGS, "--name", name, "--scenario", "reload", "--max-errors", "0"];
  const { report, code } = await loadReport(t, url, ...args);
  t.same(report.failures, []);
  t.equal(code, 0);
  t.same(
    report.events.map(({ what }) => what),
    ["reload began", "reload done"],
  );
  t.notOk(
    (await running.pids()).some((pid) => before.includes(pid)),
    "all workers are new",
  );
  t.match(report, { badRequests: 0, handshakes: { failed: {} } });
  const lost = Object.values(report.connectionsLost).reduce((sum, n) => sum + n, 0);
  t.ok(lost >= 8, `${lost} connections were moved`);
  t.equal(report.reconnects + report.clients.without, lost);
  t.equal(report.latency.outage.count, lost, "each outage is measured");
  t.ok(report.latency.outage.p50 > 0);
});

t.test("kill: users see an outage each, and come back", async (t) => {
  const { name, cluster: running, url } = await cluster(t);
  const before = await running.pids();
  const { report } = await loadReport(t, url, ...ARGS, "--name", name, "--scenario", "kill");
  const killed = report.events.flatMap(({ what }) => /worker (\d+) was killed/.exec(what) ?? []);
  t.ok(killed.length > 0, killed.join());
  t.ok((await running.pids()).some((pid) => !before.includes(pid)));
  const lost = Object.values(report.connectionsLost).reduce((sum, n) => sum + n, 0);
  t.ok(lost > 0, `${lost} connections lost`);
  t.equal(report.latency.outage.count, lost);
  t.equal(report.reconnects + report.clients.without, lost);
  // A session that died with its worker is unknown, and whoever asks for it is told so.
  const failed = Object.values(report.handshakes.failed).reduce((sum, n) => sum + n, 0);
  t.ok(report.badRequests <= lost + failed, `${report.badRequests} requests for dead sessions`);
});

t.test("scale: one worker more for a while, nobody is disturbed but who has to move", async (t) => {
  const { name, cluster: running, url } = await cluster(t);
  const { report } = await loadReport(t, url, ...ARGS, "--name", name, "--scenario", "scale");
  t.match(
    report.events.map(({ what }) => what),
    ["scaled to 3 workers", "scaled to 2 workers"],
  );
  t.equal((await running.status()).count, 2);
  t.match(report, { errors: 0, badRequests: 0, problems: [] });
  t.ok(report.processes.length >= 4, "the third worker was seen");
});

t.test("a cluster that is not the one at the URL is left alone", async (t) => {
  const one = await cluster(t);
  const other = await cluster(t);
  const before = await other.cluster.pids();
  const args = [...ARGS, "--name", other.name, "--scenario", "kill"];
  const { code, stderr } = await load(t, one.url, ...args);
  t.equal(code, 1);
  t.match(stderr, /is no worker of the cluster that --name/);
  t.same(await other.cluster.pids(), before);
});
