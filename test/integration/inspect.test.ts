import { once } from "node:events";
import t, { type Test } from "tap";
import type { ClusterStatus } from "../../src/index.js";
import { cli, named } from "../helpers/cli.js";
import { clientPerWorker, connectClient, runIn } from "../helpers/clients.js";
import { isAlive, type TestCluster } from "../helpers/cluster.js";
import { DebuggerSession } from "../helpers/inspector.js";
import { start } from "../helpers/spawned.js";

const BLOCK = `
  function reticulateSplines() { const end = Date.now() + 60000; while (Date.now() < end); }
  setTimeout(() => { reticulateSplines(); }, 0);`;

const URL_LINE = /^ws:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]{36}$/m;

/** Opens a worker's inspector with the CLI. */
async function inspect(t: Test, name: string, worker: number | string): Promise<string> {
  const { code, stdout, stderr } = await cli(t, "inspect", String(worker), "--name", name);
  if (code !== 0) throw new Error(stderr);
  return URL_LINE.exec(stdout)?.[0] ?? "";
}

const workerOf = async (cluster: TestCluster, pid: number) =>
  (await cluster.status()).workers.find((worker) => worker.pid === pid);

async function state(cluster: TestCluster, pid: number, wanted: string | undefined): Promise<void> {
  while ((await workerOf(cluster, pid))?.state !== wanted) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const silence = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

t.test(
  "inspect opens one worker's inspector, by pid or by number; --close closes it",
  async (t) => {
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
  },
);

t.test("node inspect takes the address", async (t) => {
  const { name } = await named(t, { count: 1 });
  const { host } = new URL(await inspect(t, name, 1));
  const running = start(t, process.execPath, ["inspect", host]);
  await running.says(/connecting to .* ok|connected/i);
  await running.says(/debug>/);
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

t.test("S4 a blocked worker can be inspected, and is spared until that ends", async (t) => {
  const { name, cluster } = await named(t, { count: 2, options: { hangTimeout: 4_000 } });
  const socket = await connectClient(t, cluster.port, "websocket");
  const pid: number = await socket.emitWithAck("pid");
  socket.emit("run", { code: BLOCK }, () => {});
  await state(cluster, pid, "hung");
  const session = await DebuggerSession.open(t, await inspect(t, name, pid));
  await session.call("Debugger.enable");
  const paused = session.event<{ callFrames: { functionName: string }[] }>("Debugger.paused");
  await session.call("Debugger.pause");
  const functions = (await paused).callFrames.map(({ functionName }) => functionName);
  t.ok(functions.includes("reticulateSplines"), functions.join());
  await session.call("Debugger.resume");
  await silence(6_000);
  t.ok(isAlive(pid), "more than hangTimeout later");
  t.equal((await workerOf(cluster, pid))?.state, "hung");
  t.equal(await session.evaluate("process.pid"), pid);
  const hang = once(cluster, "worker:hang");
  t.equal((await cli(t, "inspect", String(pid), "--close", "--name", name)).code, 0);
  t.equal((await hang)[0].pid, pid);
});

t.test("S4 a breakpoint keeps a worker, and nothing but the debugger ends it", async (t) => {
  const options = { hangTimeout: 3_000, stopTimeout: 2_000, drainTimeout: 1_000 };
  const { name, cluster } = await named(t, { count: 2, options });
  const [victim, other] = await clientPerWorker(t, cluster.port, 2);
  const pid: number = await victim?.emitWithAck("pid");
  const otherPid: number = await other?.emitWithAck("pid");
  const session = await DebuggerSession.open(t, await inspect(t, name, pid));
  await session.call("Debugger.enable");
  let resumed = false;
  session.event("Debugger.resumed").then(
    () => {
      resumed = true;
    },
    () => {},
  );
  const paused = session.event("Debugger.paused");
  victim?.emit("run", { code: "debugger;" }, () => {});
  await paused;
  await state(cluster, pid, "hung");
  const socket = await connectClient(t, cluster.port, "polling");
  t.equal(await socket.emitWithAck("pid"), otherPid, "no new sessions meanwhile");
  await silence(4_000);
  t.ok(isAlive(pid));
  t.notOk(resumed, "the watchdog did not let it go on");
  t.notMatch(cluster.output, "blocked");
  await session.call("Debugger.resume");
  await state(cluster, pid, "ready");
  t.equal(await victim?.emitWithAck("pid"), pid, "its session is still there");

  const again = session.event("Debugger.paused");
  victim?.emit("run", { code: "debugger;" }, () => {});
  await again;
  await state(cluster, pid, "hung");
  await cluster.call("reload");
  t.notOk(isAlive(pid), "a reload ends it by force");
  t.equal((await cluster.status()).workers.length, 2);
});

t.test("S7 stop() ends a worker that stands at a breakpoint", async (t) => {
  const { name, cluster } = await named(t, { count: 1, options: { stopTimeout: 1_500 } });
  const client = await connectClient(t, cluster.port, "websocket");
  const pid: number = await client.emitWithAck("pid");
  const session = await DebuggerSession.open(t, await inspect(t, name, pid));
  await session.call("Debugger.enable");
  const paused = session.event("Debugger.paused");
  client.emit("run", { code: "debugger;" }, () => {});
  await paused;
  const begin = performance.now();
  await cluster.call("stop");
  t.notOk(isAlive(pid));
  t.ok(performance.now() - begin < 4_000, `${performance.now() - begin} ms`);
});

t.test("a debugger that is attached does not keep a worker from leaving", async (t) => {
  const { name, cluster } = await named(t, { count: 1, options: { drainTimeout: 20_000 } });
  const [pid = 0] = await cluster.pids();
  const session = await DebuggerSession.open(t, await inspect(t, name, pid));
  const begin = performance.now();
  await cluster.call("reload");
  t.ok(performance.now() - begin < 10_000, `${performance.now() - begin} ms`);
  await session.close();
});

t.test("an application's own SIGUSR1 is left alone", async (t) => {
  const { name, cluster } = await named(t, { count: 1, options: { hangTimeout: 60_000 } });
  const socket = await connectClient(t, cluster.port, "websocket");
  const pid: number = await socket.emitWithAck("pid");
  await runIn(socket, `process.on("SIGUSR1", () => { process._rawDebug("rotates its logs"); })`);
  const url = await inspect(t, name, 1);
  t.equal(await (await DebuggerSession.open(t, url)).evaluate("process.pid"), pid);
  await cli(t, "inspect", "1", "--close", "--name", name);
  // It has to be known by now: the worker looks twice a second.
  await silence(700);
  socket.emit("run", { code: BLOCK }, () => {});
  await state(cluster, pid, "hung");
  const { code, stderr } = await cli(t, "inspect", "1", "--name", name);
  t.equal(code, 1);
  t.match(stderr, `Worker ${pid} does not answer, and its application has a SIGUSR1 handler`);
  t.notMatch(cluster.output, "rotates its logs");
  t.ok(isAlive(pid));
});

t.test("a worker without setupWorker() can be inspected too", async (t) => {
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
