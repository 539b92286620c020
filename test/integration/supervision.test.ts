import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import t, { type Test } from "tap";
import { connectClient } from "../helpers/clients.js";
import { fixture, isAlive, launchCluster } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { until } from "../helpers/loopback.js";
import { start } from "../helpers/spawned.js";

interface Said {
  event: string;
  pid?: number;
  port?: number;
  code?: number | null;
  signal?: string | null;
}

/** A primary of plain cluster.fork() with one worker, which is ready. */
async function plainFork(t: Test): Promise<{ primary: ChildProcess; pid: number; port: number }> {
  const primary = fork(fixture("plain-fork-ends.js"), { execArgv: [] });
  t.teardown(() => primary.disconnect());
  const [{ pid = 0, port = 0 }] = (await once(primary, "message")) as [Said];
  return { primary, pid, port };
}

async function ending(primary: ChildProcess): Promise<Omit<Said, "event">> {
  const [{ event: _, ...how }] = (await once(primary, "message")) as [Said];
  return how;
}

t.test("B6 without a manager worker.kill() ends a worker, as in Node", async (t) => {
  const { primary } = await plainFork(t);
  primary.send("kill");
  t.same(await ending(primary), { code: null, signal: "SIGTERM" });
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  t.test(`B6 without a manager ${signal} ends a worker, as in Node`, async (t) => {
    const { primary, pid } = await plainFork(t);
    process.kill(pid, signal);
    t.same(await ending(primary), { code: null, signal });
  });
}

t.test("B6 worker.disconnect() ends a worker, and its clients come back", async (t) => {
  const { primary, port } = await plainFork(t);
  const socket = await connectClient(t, port, "websocket", { reconnection: false });
  const closed = new Promise((resolve) => socket.once("disconnect", resolve));
  primary.send("disconnect");
  t.equal(await closed, "transport close");
  t.same(await ending(primary), { code: 0, signal: null });
});

t.test("a worker that was greeted and is not ready yet ends with stop()", async (t) => {
  const cluster = launchCluster(t, {
    exec: "greets-and-waits.js",
    count: 2,
    options: { stopTimeout: 60_000 },
  });
  const failed = once(cluster, "start-failed");
  const waits = /worker (\d+) waits/g;
  await until("both wait", () => [...cluster.output.matchAll(waits)].length === 2);
  const pids = [...cluster.output.matchAll(waits)].map(([, pid]) => Number(pid));
  const begin = performance.now();
  const stop = cluster.call("stop");
  const [{ error }] = await failed;
  t.equal(error?.code, "ERR_SUPERVISOR_STATE");
  await stop.catch(() => {}); // the fixture ends as soon as its start has failed
  await until("they have ended", () => !pids.some(isAlive));
  t.ok(performance.now() - begin < 30_000, `${performance.now() - begin} ms`);
});

t.test("a plain manager after a sticky one, and beside it", { skip: onlyInGate }, async (t) => {
  const running = start(t, process.execPath, ["test/fixtures/sticky-then-plain.js"]);
  t.same(await running.exit(), { code: 0, signal: null }, running.stderr);
  t.match(running.stdout, /^after: ready$(.*\n)*^beside: ready ready$/m);
  t.match(running.stdout, "answered by: sticky\n", "R5: plain workers get none of its connections");
});

t.test("B4 fork() that throws does not end the primary", async (t) => {
  const EXEC = fixture("worker.js");
  const running = start(t, process.execPath, ["test/fixtures/fork-fails.js"], { EXEC });
  t.same(await running.exit(), { code: 0, signal: null }, running.stderr);
  const lines = running.stdout.trim().split("\n");
  const isLifecycle = (line: string) => /^\[socket-supervisor\] (worker \d|reload)/.test(line);
  t.same(
    lines.filter((line) => !isLifecycle(line)),
    [
      "ERR_SUPERVISOR_BOOT: Worker (no process) could not be started: spawn ENOMEM.",
      "started",
      "goes on with 1",
      "reload: ERR_SUPERVISOR_BOOT",
      "scale: ERR_SUPERVISOR_BOOT",
      "[socket-supervisor] workers can be started again",
      "is back with 2",
    ],
  );
  const told = running.stderr.match(/could not be started/g) ?? [];
  t.equal(told.length, 1, "it is told once");
});

t.test("B4 a primary without descriptors goes on, and recovers", async (t) => {
  const EXEC = fixture("worker.js");
  const command = `ulimit -n 100; exec "${process.execPath}" test/fixtures/out-of-descriptors.js`;
  const running = start(t, "sh", ["-c", command], { EXEC });
  t.same(await running.exit(), { code: 0, signal: null }, running.stderr);
  t.match(running.stdout, /^EMFILE\n.*^goes on with 1\n.*^is back\n/ms);
  t.notMatch(running.stdout, "undefined", "of processes that never were there is nothing to tell");
  t.equal((running.stderr.match(/could not be started/g) ?? []).length, 1, "it is told once");
});
