// Fastify 5. Start it with: node examples/fastify/main.js
// PORT and WORKERS come from the environment.
// The primary listens, so there is app.ready() instead of app.listen().
import Fastify from "fastify";
import { Server } from "socket.io";
import { ClusterManager, setupWorker } from "socket-supervisor";

const { PORT = 7001, WORKERS = 4 } = process.env;
const manager = new ClusterManager({ port: Number(PORT), count: Number(WORKERS) });

if (manager.isPrimary()) {
  await manager.start();
} else {
  const app = Fastify();
  app.get("/pid", () => String(process.pid));
  const io = new Server(app.server);
  io.on("connection", (socket) => {
    socket.on("hello", () => io.emit("hello", { from: socket.id, worker: process.pid }));
  });
  await app.ready();
  await setupWorker(io);
}
