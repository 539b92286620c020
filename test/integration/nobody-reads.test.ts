import { readFileSync } from "node:fs";
import t from "tap";
import { connectClient } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";

const rssOf = (pid = 0): number =>
  Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4_096;

t.test("B4 nobody reads stdout and stderr any more: primary and workers go on", async (t) => {
  const cluster = await startCluster(t, { count: 2 });
  const before = await cluster.pids();
  const socket = await connectClient(t, cluster.port, "websocket");
  cluster.child.stdout?.destroy();
  cluster.child.stderr?.destroy();
  const code = `
    for (const stream of [process.stdout, process.stderr]) stream.write("x".repeat(200_000));
    console.log("said");
    console.error("said");
    process.emitWarning("warned");`;
  for (let n = 0; n < 5; n++) {
    t.same(await socket.emitWithAck("run", { code }), {});
    t.equal(await socket.emitWithAck("echo", n), n);
    await cluster.status(); // a round trip through the primary
  }
  t.same(await cluster.pids(), before, "no process has ended");
  // A death is logged by the primary, too.
  await cluster.killWorker(before[0] ?? 0);
  t.equal((await cluster.status()).restarts, 1);
  const another = await connectClient(t, cluster.port, "websocket");
  t.equal(await another.emitWithAck("echo", "still"), "still");
});

t.test("B4 a reader of stderr that stands still does not fill the primary's memory", async (t) => {
  const cluster = await startCluster(t, { count: 1 });
  const socket = await connectClient(t, cluster.port, "websocket");
  cluster.child.stderr?.pause();
  const write = (mib: number) =>
    socket.emitWithAck("run", {
      code: `
        const line = "x".repeat(1023) + "\\n";
        for (let n = 0; n < args[0]; n++) {
          await new Promise((done) => process.stderr.write(line.repeat(1024), done));
        }`,
      args: [mib],
    });
  t.same(await write(10), {});
  const before = rssOf(cluster.child.pid);
  t.same(await write(150), {}, "the worker does not wait for that reader either");
  const grown = (rssOf(cluster.child.pid) - before) / 1024 ** 2;
  t.ok(grown < 64, `the primary grew by ${grown.toFixed()} MB`);
  cluster.child.stderr?.resume();
  // Timed by the worker's writes: whatever it writes now comes after the report.
  while (!/bytes of the workers' stderr were dropped/.test(cluster.output)) {
    await new Promise((resolve) => cluster.child.stderr?.once("data", resolve));
  }
  t.equal(await socket.emitWithAck("echo", 1), 1);
});
