import { once } from "node:events";
import t from "tap";
import { clientPerWorker, connectClient, runIn, startClient } from "../helpers/clients.js";
import { isAlive, startCluster } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { until } from "../helpers/loopback.js";

const BLOCK = `
  function reticulateSplines() { const end = Date.now() + 60000; while (Date.now() < end); }
  setTimeout(() => { reticulateSplines(); }, 0);`;

t.test(
  "S4 a blocked worker gets nobody after 2 s, is killed after hangTimeout, says where",
  async (t) => {
    const cluster = await startCluster(t, { count: 2, options: { hangTimeout: 7_000 } });
    const [victim, other] = await clientPerWorker(t, cluster.port, 2);
    const victimPid: number = await victim?.emitWithAck("pid");
    const otherPid: number = await other?.emitWithAck("pid");
    const start = performance.now();
    victim?.emit("run", { code: BLOCK }, () => {});
    const hang = once(cluster, "worker:hang");
    const ready = once(cluster, "worker:ready");
    const reconnected = new Promise<void>((resolve) => {
      victim?.once("disconnect", () => victim.once("connect", () => resolve()));
    });
    for (;;) {
      const { workers } = await cluster.status();
      if (workers.some(({ state }) => state === "hung")) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const hungAfter = performance.now() - start;
    t.ok(hungAfter > 1_400 && hungAfter < 6_000, `hung after ${hungAfter} ms`);
    // Nobody is sent to it any more.
    for (let n = 0; n < 6; n++) {
      const socket = await connectClient(t, cluster.port, "polling");
      t.equal(await socket.emitWithAck("pid"), otherPid);
    }
    const [said] = await hang;
    t.equal(said.pid, victimPid);
    t.match(said.exit, { sessions: 1 });
    t.ok((said.exit as { silentFor: number }).silentFor >= 6_500);
    t.match(
      (said.exit as { stderr: string }).stderr,
      /blocked for .* s, in\n\s+at reticulateSplines/,
    );
    await ready;
    await reconnected;
    t.notOk(isAlive(victimPid));
    await until("it is logged", () =>
      cluster.output.includes(`worker ${victimPid} has been silent`),
    );
  },
);

t.test(
  "S4 it says where in a large application with inline source maps, too",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t, { count: 1, options: { hangTimeout: 5_000 } });
    const socket = await connectClient(t, cluster.port, "websocket");
    // As a loader of TypeScript makes them; the watchdog is told about all of them at once.
    await runIn(
      socket,
      `const { runInThisContext } = process.getBuiltinModule("node:vm");
     const map = "data:application/json;base64," + "A".repeat(100_000);
     for (let n = 0; n < 300; n++) {
       runInThisContext("(() => " + n + ")\\n//# sourceMappingURL=" + map + n, "/app/" + n + ".ts");
     }`,
    );
    const hang = once(cluster, "worker:hang");
    socket.emit("run", { code: BLOCK }, () => {});
    const [said] = await hang;
    t.match((said.exit as { stderr: string }).stderr, /, in\n\s+at reticulateSplines/);
    t.notMatch(cluster.output, "ERR_WORKER");
  },
);

t.test("S4 a worker that was only slow is used again", { skip: onlyInGate }, async (t) => {
  const cluster = await startCluster(t, { count: 1 });
  const socket = await connectClient(t, cluster.port, "websocket");
  const pid: number = await socket.emitWithAck("pid");
  socket.emit(
    "run",
    { code: "setTimeout(() => { const end = Date.now() + 3500; while (Date.now() < end); }, 0)" },
    () => {},
  );
  const waiting = startClient(t, cluster.port, "websocket");
  await new Promise<void>((resolve) => waiting.once("connect", () => resolve()));
  t.equal(await waiting.emitWithAck("pid"), pid);
  t.equal((await cluster.status()).restarts, 0);
});

t.test(
  "S4 when the primary itself was blocked, no worker is to blame",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t, { options: { hangTimeout: 2_500 } });
    const before = await cluster.pids();
    await cluster.call("block", 4_000);
    const socket = await connectClient(t, cluster.port);
    t.equal(await socket.emitWithAck("echo", 1), 1);
    t.same(await cluster.pids(), before);
  },
);

t.test("S6 when the primary is killed, a worker with a blocked event loop ends too", async (t) => {
  const cluster = await startCluster(t, { count: 2, options: { hangTimeout: 60_000 } });
  const socket = await connectClient(t, cluster.port, "websocket");
  const pids = await cluster.pids();
  await new Promise<void>((resolve) => {
    socket.emit("run", { code: BLOCK }, () => resolve());
  });
  cluster.child.kill("SIGKILL");
  const start = performance.now();
  while (pids.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 10));
  t.ok(performance.now() - start < 5_000, `${performance.now() - start} ms`);
});

t.test("S4 status() has the vitals of each worker", async (t) => {
  const cluster = await startCluster(t, { count: 1 });
  const { workers } = await cluster.status();
  const { vitals } = workers[0] ?? {};
  t.ok(vitals && vitals.rss > 10_000_000);
  t.ok(vitals && vitals.eventLoopUtilization >= 0 && vitals.eventLoopUtilization <= 1);
});
