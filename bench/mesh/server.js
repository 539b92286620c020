// A cluster for bench/mesh/main.ts. SYSTEM: "mesh", "ipc", "sticky" or "plain"; WORKERS.
import cluster from "node:cluster";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Server } from "socket.io";

const { SYSTEM, WORKERS } = process.env;

/** What one operation is; each gets the id of a socket in another worker. */
const OPERATIONS = {
  nobody: (io, _, text) => io.to("nobody").emit("news", text),
  one: (io, elsewhere, text) => io.to(elsewhere).emit("news", text),
  everybody: (io, _, text) => io.emit("news", text),
  fetch: (io) => io.fetchSockets(),
  nothing: () => {},
};

function createApp() {
  const httpServer = createServer();
  const io = new Server(httpServer, { perMessageDeflate: false });
  io.on("connection", (socket) => {
    socket.data.user = { name: "Ada", roles: ["admin"] };
    socket.on("run", async (name, count, pause) => {
      const text = "x".repeat(100);
      const all = name === "one" ? await io.fetchSockets() : [];
      const elsewhere = all.find(({ conn }) => conn === undefined)?.id ?? "";
      for (let i = 0; i < count; i++) {
        await OPERATIONS[name](io, elsewhere, text);
        await sleep(pause);
      }
      socket.emit("ran");
    });
  });
  return { httpServer, io };
}

const say = (port, pids) => process.send({ bench: "ready", port, pids });

if (SYSTEM === "plain") {
  const { httpServer } = createApp();
  httpServer.listen(0, "127.0.0.1", () => say(httpServer.address().port, []));
} else if (SYSTEM === "sticky") {
  const { createAdapter, setupPrimary } = await import("@socket.io/cluster-adapter");
  const { setupMaster, setupWorker } = await import("@socket.io/sticky");
  if (cluster.isPrimary) {
    const httpServer = createServer();
    setupMaster(httpServer, { loadBalancingMethod: "least-connection" });
    setupPrimary();
    cluster.setupPrimary({ serialization: "advanced" });
    const up = Array.from({ length: Number(WORKERS) }, () => {
      const worker = cluster.fork();
      return new Promise((resolve) =>
        worker.on("message", (message) => message === "up" && resolve()),
      );
    });
    await Promise.all(up);
    httpServer.listen(0, "127.0.0.1", () =>
      say(
        httpServer.address().port,
        Object.values(cluster.workers).map((worker) => worker.process.pid),
      ),
    );
  } else {
    const { io } = createApp();
    io.adapter(createAdapter());
    setupWorker(io);
    process.send("up");
  }
} else {
  const { ClusterManager, setupWorker } = await import("socket-supervisor");
  const manager = new ClusterManager({
    exec: import.meta.filename,
    count: Number(WORKERS),
    port: 0,
    host: "127.0.0.1",
    control: false,
  });
  if (manager.isPrimary()) {
    await manager.start();
    say(manager.status().address.port, manager.getWorkerIds().map(Number));
  } else {
    await setupWorker(createApp().io, { adapter: SYSTEM });
  }
}
process.on("disconnect", () => process.exit());
