// Plain node:http. Start it with: node examples/http/main.js
// PORT and WORKERS come from the environment; GET /pid tells which worker answered, and "hello"
// is broadcast to the clients of all workers.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { ClusterManager, setupWorker } from "socket-supervisor";

const { PORT = 7001, WORKERS = 4 } = process.env;
const manager = new ClusterManager({ port: Number(PORT), count: Number(WORKERS) });

if (manager.isPrimary()) {
  await manager.start();
} else {
  const httpServer = createServer((req, res) => {
    res.writeHead(req.url === "/pid" ? 200 : 404).end(String(process.pid));
  });
  const io = new Server(httpServer);
  io.on("connection", (socket) => {
    socket.on("hello", () => io.emit("hello", { from: socket.id, worker: process.pid }));
  });
  await setupWorker(io);
}
