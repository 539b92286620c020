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
    const open = (data: string) => {
      const socket = connect(cluster.port, "127.0.0.1");
      sockets.add(socket);
      socket.on("error", () => {}).once("close", () => sockets.delete(socket));
      socket.write(data);
    };
    // A few at a time: the primary, which has as few, holds each until a worker has it.
    const said = before.map((pid) => new RegExp(`process ${pid} has no file descriptor left`, "g"));
    while (!said.every((pattern) => cluster.output.match(pattern))) {
      for (let n = 0; n < 10; n++) open(get("/slow?ms=600000"));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // And half-open ones, which the primary keeps itself.
    for (let n = 0; n < 300; n++) open("GET / HT");
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
    for (const pattern of said) t.equal(cluster.output.match(pattern)?.length, 1, "said once");
  },
);

t.test("B4 connections that say nothing leave descriptors for those that do", async (t) => {
  const cluster = await startCluster(t, {
    count: 1,
    execPath: fixture("few-descriptors.sh"),
    env: { DESCRIPTORS: "128", NODE: process.execPath },
  });
  let open = 300;
  const sockets = Array.from({ length: open }, () => {
    const socket = connect(cluster.port, "127.0.0.1").resume();
    socket.on("error", () => {}).once("close", () => open--);
    socket.write("GET / HT");
    return socket;
  });
  // They came all at once; those that are too many are refused, or shed.
  while (open > 64) await new Promise((resolve) => setTimeout(resolve, 20));
  for (let n = 0; n < 5; n++) {
    const socket = await connectClient(t, cluster.port, "websocket");
    t.equal(await socket.emitWithAck("echo", n), n);
  }
  for (const socket of sockets) socket.destroy();
});
