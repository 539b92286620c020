// Koa 3. Start it with: node examples/koa/main.js
// PORT and WORKERS come from the environment.
// The primary listens, so there is no app.listen(): it would make a server of its own.
import { createServer } from "node:http";
import Router from "@koa/router";
import Koa from "koa";
import { Server } from "socket.io";
import { ClusterManager, setupWorker } from "socket-supervisor";

const { PORT = 7001, WORKERS = 4 } = process.env;
const manager = new ClusterManager({ port: Number(PORT), count: Number(WORKERS) });

if (manager.isPrimary()) {
  await manager.start();
} else {
  const router = new Router();
  router.get("/pid", (ctx) => {
    ctx.body = String(process.pid);
  });
  const app = new Koa().use(router.routes());
  const io = new Server(createServer(app.callback()));
  io.on("connection", (socket) => {
    socket.on("hello", () => io.emit("hello", { from: socket.id, worker: process.pid }));
  });
  await setupWorker(io);
}
