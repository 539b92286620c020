// A server for the load test. Start it with: node examples/load/server.js
// PORT, HOST (127.0.0.1) and WORKERS come from the environment. Then, elsewhere:
// npx socket-supervisor load http://localhost:7001 --name load-example
import { createServer } from "node:http";
import { Server } from "socket.io";
import { answerLoadTest, ClusterManager, setupWorker } from "socket-supervisor";

const { PORT = 7001, HOST = "127.0.0.1", WORKERS = 4 } = process.env;
const manager = new ClusterManager({
  port: Number(PORT),
  host: HOST,
  count: Number(WORKERS),
  name: "load-example",
  drainTimeout: 5_000,
});

if (manager.isPrimary()) {
  await manager.start();
} else {
  const io = new Server(createServer());
  io.on("connection", answerLoadTest);
  await setupWorker(io);
}
