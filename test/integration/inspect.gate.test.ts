import t from "tap";
import type { ClusterStatus } from "../../src/index.js";
import { cli, named } from "../helpers/cli.js";
import { connectClient, runIn } from "../helpers/clients.js";
import { isAlive } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { BLOCK, inState, inspect, URL_LINE, workerOf } from "../helpers/inspect-cli.js";
import { DebuggerSession } from "../helpers/inspector.js";
import { start } from "../helpers/spawned.js";

t.test("inspect opens the inspector of one worker, --close closes it", async (t) => {
  const { name, cluster } = await named(t, { count: 2 });
  const pids = await cluster.pids();
  const [, pid = 0] = pids;
  const { code, stdout } = await cli(t, "inspect", "2", "--name", name);
  t.equal(code, 0);
  t.match(stdout, `${name}: the inspector of worker 2 (pid ${pid}) is open at\n`);
  const url = URL_LINE.exec(stdout)?.[0] ?? "";
  t.match(stdout, `node inspect ${new URL(url).host}\n`);
  const session = await DebuggerSession.open(t, url);
  t.equal(await session.evaluate("process.pid"), pid);
  t.equal(await inspect(t, name, pid), url, "asked again, by its pid, it is the same");
  const [first = 0] = pids;
  const other = await inspect(t, name, first);
  t.equal(await (await DebuggerSession.open(t, other)).evaluate("process.pid"), first);

  const table = (await cli(t, "status", "--name", name)).stdout;
  t.match(table, `\n${pid} is inspected: ${url}\n`);
  for (const line of table.split("\n")) t.ok(line.length <= 80, line);

  const closed = await cli(t, "inspect", "2", "--close", "--name", name);
  t.match(closed, {
    code: 0,
    stdout: `${name}: the inspector of worker 2 (pid ${pid}) is closed\n`,
  });
  await session.close();
  await t.rejects(DebuggerSession.open(t, url), { code: "ECONNREFUSED" });
  t.equal((await workerOf(cluster, pid))?.inspector, null);
  t.equal((await workerOf(cluster, first))?.inspector, other);
  t.match(
    await cli(t, "inspect", "2", "--close", "--name", name),
    { code: 0 },
    "twice is no error",
  );
  t.notSame(await inspect(t, name, pid), "", "and it opens again");
});

t.test("node inspect takes the address", { skip: onlyInGate }, async (t) => {
  const { name } = await named(t, { count: 1 });
  const { host } = new URL(await inspect(t, name, 1));
  const running = start(t, process.execPath, ["inspect", host]);
  await running.says(/debug>/);
  t.match(running.stdout, `connecting to ${host} ... ok`);
});

t.test("a worker that is not there is an error that lists those that are", async (t) => {
  const { name, cluster } = await named(t, { count: 2 });
  const [first, second] = await cluster.pids();
  for (const worker of ["0", "3", "99999999"]) {
    const { code, stderr } = await cli(t, "inspect", worker, "--name", name);
    t.equal(code, 1);
    t.equal(
      stderr,
      `There is no worker "${worker}". There are: 1 (pid ${first}), 2 (pid ${second}).\n`,
    );
  }
});

t.test("an application's own SIGUSR1 is left alone", { skip: onlyInGate }, async (t) => {
  const { name, cluster } = await named(t, { count: 1, options: { hangTimeout: 60_000 } });
  const socket = await connectClient(t, cluster.port, "websocket");
  const pid: number = await socket.emitWithAck("pid");
  await runIn(socket, `process.on("SIGUSR1", () => { process._rawDebug("rotates its logs"); })`);
  const url = await inspect(t, name, 1);
  t.equal(await (await DebuggerSession.open(t, url)).evaluate("process.pid"), pid);
  await cli(t, "inspect", "1", "--close", "--name", name);
  // It has to be known by now: the worker looks twice a second.
  await new Promise((resolve) => setTimeout(resolve, 700));
  socket.emit("run", { code: BLOCK }, () => {});
  await inState(cluster, pid, "hung");
  const { code, stderr } = await cli(t, "inspect", "1", "--name", name);
  t.equal(code, 1);
  t.match(stderr, `Worker ${pid} does not answer, and its application has a SIGUSR1 handler`);
  t.notMatch(cluster.output, "rotates its logs");
  t.ok(isAlive(pid));
});

t.test("a worker without setupWorker() can be inspected too", { skip: onlyInGate }, async (t) => {
  const { name, cluster } = await named(t, {
    count: 2,
    exec: "plain-http.js",
    options: { sticky: false },
  });
  const pids = await cluster.pids();
  const urls = await Promise.all(pids.map((pid) => inspect(t, name, pid)));
  for (const [n, url] of urls.entries()) {
    t.equal(await (await DebuggerSession.open(t, url)).evaluate("process.pid"), pids[n]);
  }
  t.same(
    (await cluster.status()).workers.map(({ inspector }) => inspector),
    urls,
  );
  t.equal(await inspect(t, name, 1), urls[0], "the same");
  t.equal((await cli(t, "inspect", "1", "--close", "--name", name)).code, 0);
  await t.rejects(DebuggerSession.open(t, urls[0] ?? ""), { code: "ECONNREFUSED" });
  const json = await cli(t, "status", "--json", "--name", name);
  t.match((JSON.parse(json.stdout) as ClusterStatus).workers, [
    { inspector: null },
    { inspector: urls[1] },
  ]);
});

t.test("a worker that SIGUSR1 would end does not get it", async (t) => {
  const { name, cluster } = await named(t, {
    count: 1,
    exec: "usr1-default.js",
    options: { sticky: false },
  });
  const [pid = 0] = await cluster.pids();
  const { code, stderr } = await cli(t, "inspect", "1", "--name", name);
  t.equal(code, 1);
  t.match(stderr, `Worker ${pid} cannot open its inspector: SIGUSR1 would end it`);
  t.ok(isAlive(pid));
});
