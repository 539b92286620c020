import { connect, type Socket } from "node:net";
import t from "tap";
import { connectClient } from "../helpers/clients.js";
import { fixture, startCluster } from "../helpers/cluster.js";
import { get } from "../helpers/raw.js";

t.test(
  "B4 without descriptors nobody ends; it is said once, and it is over by itself",
  async (t) => {
    t.setTimeout(120_000);
    const cluster = await startCluster(t, {
      count: 2,
      execPath: fixture("few-descriptors.sh"),
      env: { DESCRIPTORS: "128", NODE: process.execPath },
    });
    const before = await cluster.pids();
    const sockets = new Set<Socket>();
    // More than both workers can have, kept open by a request that is never answered in time.
    for (let n = 0; n < 400; n++) {
      const socket = connect(cluster.port, "127.0.0.1");
      sockets.add(socket);
      socket.on("error", () => {}).once("close", () => sockets.delete(socket));
      socket.write(get("/slow?ms=600000"));
    }
    const worker = before.map(
      (pid) => new RegExp(`process ${pid} has no file descriptor left`, "g"),
    );
    while (!worker.every((said) => said.test(cluster.output))) {
      await new Promise((resolve) => cluster.child.stderr?.once("data", resolve));
    }
    // And half-open ones, for which the primary is short of them itself.
    for (let n = 0; n < 300; n++) {
      const socket = connect(cluster.port, "127.0.0.1");
      sockets.add(socket);
      socket.on("error", () => {}).once("close", () => sockets.delete(socket));
      socket.write("GET / HT");
    }
    const heartbeats = async () =>
      (await cluster.status()).workers.map(({ vitals }) => vitals?.rss);
    for (let n = 0; n < 30; n++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      for (const rss of await heartbeats()) t.ok((rss ?? 0) > 1_000_000);
    }
    t.same(await cluster.pids(), before, "no worker has ended");
    const again = before.map((pid) => new RegExp(`process ${pid} has file descriptors again`));
    for (const socket of sockets) socket.destroy();
    while (!again.every((said) => said.test(cluster.output))) {
      await new Promise((resolve) => cluster.child.stderr?.once("data", resolve));
    }
    const socket = await connectClient(t, cluster.port, "websocket");
    t.equal(await socket.emitWithAck("echo", 1), 1);
    const { restarts, workers } = await cluster.status();
    t.equal(restarts, 0);
    t.ok(workers.every(({ state }) => state === "ready"));
    for (const said of worker) t.equal(cluster.output.match(said)?.length, 1, "said once");
  },
);

t.test("B4 connections that say nothing leave descriptors for those that do", async (t) => {
  const cluster = await startCluster(t, {
    count: 1,
    execPath: fixture("few-descriptors.sh"),
    env: { DESCRIPTORS: "128", NODE: process.execPath },
  });
  const sockets = Array.from({ length: 300 }, () => {
    const socket = connect(cluster.port, "127.0.0.1");
    socket.on("error", () => {}).write("GET / HT");
    return socket;
  });
  for (let n = 0; n < 5; n++) {
    const socket = await connectClient(t, cluster.port, "websocket");
    t.equal(await socket.emitWithAck("echo", n), n);
  }
  for (const socket of sockets) socket.destroy();
});
