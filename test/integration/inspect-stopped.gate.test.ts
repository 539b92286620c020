import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { cli, named } from "../helpers/cli.js";
import { clientPerWorker, connectClient } from "../helpers/clients.js";
import { isAlive } from "../helpers/cluster.js";
import { BLOCK, inState, inspect, workerOf } from "../helpers/inspect-cli.js";
import { DebuggerSession } from "../helpers/inspector.js";

t.test("S4 a blocked worker can be inspected, and is spared until that ends", async (t) => {
  const { name, cluster } = await named(t, { count: 2, options: { hangTimeout: 4_000 } });
  const socket = await connectClient(t, cluster.port, "websocket");
  const pid: number = await socket.emitWithAck("pid");
  socket.emit("run", { code: BLOCK }, () => {});
  await inState(cluster, pid, "hung");
  const session = await DebuggerSession.open(t, await inspect(t, name, pid));
  await session.call("Debugger.enable");
  const paused = session.event<{ callFrames: { functionName: string }[] }>("Debugger.paused");
  await session.call("Debugger.pause");
  const functions = (await paused).callFrames.map(({ functionName }) => functionName);
  t.ok(functions.includes("reticulateSplines"), functions.join());
  await session.call("Debugger.resume");
  await sleep(4_500);
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
  await inState(cluster, pid, "hung");
  const socket = await connectClient(t, cluster.port, "polling");
  t.equal(await socket.emitWithAck("pid"), otherPid, "no new sessions meanwhile");
  await sleep(3_500);
  t.ok(isAlive(pid));
  t.notOk(resumed, "the watchdog did not let it go on");
  t.notMatch(cluster.output, "blocked");
  await session.call("Debugger.resume");
  await inState(cluster, pid, "ready");
  t.equal(await victim?.emitWithAck("pid"), pid, "its session is still there");

  const again = session.event("Debugger.paused");
  victim?.emit("run", { code: "debugger;" }, () => {});
  await again;
  await inState(cluster, pid, "hung");
  const begin = performance.now();
  await cluster.call("reload");
  t.ok(performance.now() - begin < 12_000, "whose new workers do not wait for it either");
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
  t.ok(performance.now() - begin < 8_000, `${performance.now() - begin} ms`);
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
