// As in the README of @socket.io/sticky.
import cluster from "node:cluster";
import { createServer } from "node:http";
import { createAdapter, setupPrimary } from "@socket.io/cluster-adapter";
import { setupMaster, setupWorker } from "@socket.io/sticky";
import { createApp, endOn } from "./app.js";
import { serve } from "./control.js";
import { clusterProcesses, endOneByOne, workersUp } from "./rolling.js";

if (cluster.isPrimary) {
  const httpServer = createServer();
  setupMaster(httpServer, { loadBalancingMethod: "least-connection" });
  setupPrimary();
  cluster.setupPrimary({ serialization: "advanced" });
  const count = Number(process.env.WORKERS);
  for (let i = 0; i < count; i++) cluster.fork();
  cluster.on("exit", () => cluster.fork());
  await workersUp(count);
  httpServer.listen(0, "127.0.0.1", () => {
    serve({ port: httpServer.address().port, processes: clusterProcesses, deploy: endOneByOne });
  });
} else {
  const { io } = createApp();
  io.adapter(createAdapter());
  setupWorker(io);
  endOn("SIGTERM", io);
  process.send("up");
}
