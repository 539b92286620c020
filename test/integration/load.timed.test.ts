import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { type ClusterSetup, startCluster } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { load, loadReport, SMALL, startLoad } from "../helpers/load.js";
import { childrenOf, ROOT, start } from "../helpers/spawned.js";

async function loadable(t: Parameters<typeof startCluster>[0], setup: ClusterSetup = {}) {
  const name = `load-test-${randomBytes(4).toString("hex")}`;
  const cluster = await startCluster(t, {
    exec: "load-worker.js",
    count: 2,
    ...setup,
    options: { name, ...setup.options },
  });
  return { name, cluster, url: `http://127.0.0.1:${cluster.port}` };
}

t.test("a healthy cluster: all sums agree, nothing is lost, no 400", async (t) => {
  const { name, cluster, url } = await loadable(t, { count: 3 });
  const pids = await cluster.pids();
  const { report, code } = await loadReport(
    ...([t, url, ...SMALL, "--transports", "mixed", "--processes", "2"] as const),
    "--broadcasts",
    "8",
    "--rooms",
    "2",
    "--binary",
    "0.5",
    "--payload",
    "100",
    "--name",
    name,
    "--max-errors",
    "0",
    "--max-lost",
    "0",
  );
  t.equal(code, 0);
  t.match(report, {
    clients: { connected: 9, never: 0, without: 0 },
    handshakes: { ok: 9, failed: {} },
    badRequests: 0,
    errors: 0,
    lostMessages: 0,
    reconnects: 0,
    interrupted: false,
    failures: [],
    problems: [],
  });
  t.ok(report.echo.sent >= 9 * 4, `${report.echo.sent} echoes`);
  t.equal(report.echo.answered, report.echo.sent);
  t.ok(report.broadcast.sent >= 8, `${report.broadcast.sent} broadcasts`);
  const { deliveries } = report.broadcast;
  t.ok(deliveries.delivered >= 4 * report.broadcast.sent, "a room has four clients or five");
  t.match(report.latency.connect, { count: 9 });
  const { echo } = report.latency;
  t.ok(echo.count > 0 && echo.count < report.echo.sent, "the warm-up is not in the latencies");
  t.ok(echo.p50 > 0 && echo.p50 <= echo.p90 && echo.p90 <= echo.p99 && echo.p99 <= echo.max);
  t.equal(report.spread?.by, "status");
  t.same(Object.keys(report.spread?.workers ?? {}).map(Number), pids);
  t.same(Object.values(report.spread?.workers ?? {}), [3, 3, 3]);
  t.same(
    report.processes.map(({ role }) => role),
    ["primary", "worker", "worker", "worker"],
  );
  for (const { pid, rss } of report.processes) {
    t.ok(pid === cluster.child.pid || pids.includes(pid));
    t.ok(rss > 10_000_000, `${rss} bytes`);
  }
  t.equal(report.generators.length, 2);
});

t.test(
  "each transport; the worker event tells the spread without a control socket",
  { skip: onlyInGate },
  async (t) => {
    const { cluster, url } = await loadable(t);
    const pids = await cluster.pids();
    for (const transports of ["polling", "websocket", "upgrade"]) {
      const { report } = await loadReport(t, url, ...SMALL, "--transports", transports);
      t.match(report, { clients: { connected: 9 }, badRequests: 0, lostMessages: 0 });
      t.equal(report.clients.upgraded, transports === "upgrade" ? 9 : 0, transports);
      t.equal(report.http.handshakes["200"] ?? 0, transports === "websocket" ? 0 : 9);
      t.equal(report.spread?.by, "worker event");
      t.same(Object.keys(report.spread?.workers ?? {}).map(Number), pids.sort());
      t.same(report.processes, []);
    }
  },
);

t.test("several source addresses", { skip: onlyInGate }, async (t) => {
  const { url } = await loadable(t, { count: 1 });
  const args = [...SMALL, "--source-addresses", "3"];
  const { stderr, code } = await load(t, url, ...args);
  t.equal(code, 0);
  t.match(stderr, "from 3 addresses");
});

t.test("a namespace with auth and a header", { skip: onlyInGate }, async (t) => {
  const { url } = await loadable(t, { count: 1 });
  const guarded = ["--namespace", "/guarded", "--header", "X-Test: 1"];
  const refused = await load(t, url, ...SMALL, ...guarded);
  t.equal(refused.code, 1);
  t.match(refused.stderr, /could not connect to .*\/guarded: refused .*: who are you\?\. Does it/);
  t.notMatch(refused.stderr, /\n\s+at /);
  const good = await loadReport(t, url, ...SMALL, ...guarded, "--auth", '{"token":"open"}');
  t.match(good.report, { clients: { connected: 9 }, lostMessages: 0 });
});

t.test("thresholds: the exit code, and what was broken", { skip: onlyInGate }, async (t) => {
  const { url } = await loadable(t, { count: 1 });
  const { code, stdout } = await load(t, url, ...SMALL, "--max-p99", "0.001");
  t.equal(code, 1);
  t.match(stdout, /Failed:\n {2}echo p99 is [\d.]+ ms, more than --max-p99 0\.001/);
  t.equal((await load(t, url, ...SMALL, "--max-p99", "100000")).code, 0);
});

t.test("Ctrl-C: the report so far", async (t) => {
  const { url } = await loadable(t, { count: 1 });
  const args = ["--clients", "5", "--ramp", "0", "--warm-up", "0", "--duration", "600"];
  const running = startLoad(t, url, ...args, "--rate", "10", "--broadcasts", "5");
  // Its progress is on stderr, the report on stdout.
  while (!/[1-9]\d* of \d+ messages answered/.test(running.stderr)) {
    await new Promise((resolve) => running.child.once("output", resolve));
  }
  // As a terminal does: to all processes of the command.
  process.kill(-(running.child.pid ?? 0), "SIGINT");
  t.same(await running.exit(), { code: 130, signal: null });
  t.match(running.stdout, /s measured \(interrupted\): 5 clients/);
  t.match(running.stdout, /5 connected, 0 never/);
  t.notMatch(running.stdout, "do not add up");
  const [, sent, answered, lost] =
    /(\d+) sent = (\d+) answered \+ (\d+) lost \+ \d+ in flight/.exec(running.stdout) ?? [];
  t.ok(Number(sent) > 0 && Number(answered) > 0);
  t.equal(Number(lost), 0, "what is under way is not lost");
});

t.test(
  "a generator that dies is told of, and the others report",
  { skip: onlyInGate },
  async (t) => {
    const { url } = await loadable(t, { count: 1 });
    const args = [...SMALL, "--duration", "3", "--processes", "2"];
    const running = startLoad(t, url, ...args);
    while (!/[1-9] of \d+ messages answered/.test(running.stderr)) {
      await new Promise((resolve) => running.child.once("output", resolve));
    }
    const [generator = 0] = await childrenOf(running.child.pid);
    process.kill(generator, "SIGKILL");
    t.equal((await running.exit()).code, 1);
    t.match(running.stdout, `Failed:\n  generator ${generator} ended (SIGKILL)`);
    t.match(running.stdout, /Clients {5}[45] connected, 0 never/);
    t.notMatch(running.stdout, "do not add up");
  },
);

t.test("without socket.io-client it says what to install", { skip: onlyInGate }, async (t) => {
  const { url } = await loadable(t, { count: 1 });
  const dir = await mkdtemp(join(tmpdir(), "load-test-"));
  t.teardown(() => rm(dir, { recursive: true }));
  await cp(join(ROOT, "dist"), join(dir, "dist"), { recursive: true });
  await writeFile(join(dir, "package.json"), '{"type":"module"}');
  await mkdir(join(dir, "node_modules"));
  const needed = "node_modules/hdr-histogram-js";
  await symlink(join(ROOT, needed), join(dir, needed));
  const running = start(t, process.execPath, [join(dir, "dist/cli.js"), "load", url, ...SMALL]);
  t.equal((await running.exit()).code, 1);
  t.match(running.stderr, "The load test needs socket.io-client: npm install socket.io-client\n");
});

t.test("what it cannot do it says in a line, and exits with 1", async (t) => {
  for (const [args, message] of [
    [[], /^load needs a URL/],
    [["http://192.0.2.1"], /^192\.0\.2\.1 is 192\.0\.2\.1, .* --i-own-this-host/],
    [["http://127.0.0.1:1"], /^Nothing answers at 127\.0\.0\.1:1 \(127\.0\.0\.1: ECONNREFUSED\)/],
    [["http://127.0.0.1:1", "--clients", "x"], /"--clients" must be .* but it is "x"/],
    [
      ["http://127.0.0.1:1", "--clinets", "1"],
      /There is no option --clinets. Did you mean --clients.\n.*load --help/s,
    ],
    [["http://127.0.0.1:1", "--ca", "/no/such"], /"--ca" must be a file .*ENOENT/],
    [["http://127.0.0.1:1", "--scenario", "kill"], /^--scenario needs --name or --socket/],
    [["http://127.0.0.1:1", "--name", "no-such"], /^No cluster is running at/],
    [["http://127.0.0.1:1", "more"], /^"more" means nothing after/],
  ] as const) {
    const { code, stdout, stderr } = await load(t, args[0] ?? "", ...args.slice(1));
    t.equal(code, 1, args.join(" "));
    t.match(stderr, args.length === 0 ? /Option "url" must be/ : message);
    t.equal(stdout, "");
    t.notMatch(stderr, /\n\s+at /);
  }
  const help = await load(t, "--help");
  t.equal(help.code, 0);
  t.match(help.stdout, "Usage: socket-supervisor load <url>");
});
