// Express 5. Start it with: node examples/express/main.js
// PORT and WORKERS come from the environment.
// The primary listens, so there is no app.listen(): it would make a server of its own.
import { createServer } from "node:http";
import express from "express";
import { Server } from "socket.io";
import { ClusterManager, setupWorker } from "socket-supervisor";

const { PORT = 7001, WORKERS = 4 } = process.env;
const manager = new ClusterManager({ port: Number(PORT), count: Number(WORKERS) });

if (manager.isPrimary()) {
  await manager.start();
} else {
  const app = express();
  app.get("/pid", (_req, res) => res.send(String(process.pid)));
  const io = new Server(createServer(app));
  io.on("connection", (socket) => {
    socket.on("hello", () => io.emit("hello", { from: socket.id, worker: process.pid }));
  });
  await setupWorker(io);
}
