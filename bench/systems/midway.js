// Midway's manager and sticky balancer, with the workers' half that Midway's component uses.
import { createServer } from "node:http";
import { ClusterManager, setupStickyMaster } from "@midwayjs/bootstrap";
import { setupWorker } from "@midwayjs/bootstrap/dist/sticky.js"; // its Bootstrap calls this
import { createAdapter, setupPrimary } from "@socket.io/cluster-adapter";
import { createApp } from "./app.js";
import { serve } from "./control.js";
import { clusterProcesses, endOneByOne, workersUp } from "./rolling.js";

const manager = new ClusterManager({
  exec: import.meta.filename,
  count: Number(process.env.WORKERS),
  sticky: true,
  serialization: "advanced",
  logger: { info() {}, error() {} },
});
if (manager.isPrimary()) {
  const httpServer = createServer();
  setupStickyMaster(httpServer);
  setupPrimary();
  const up = workersUp(Number(process.env.WORKERS));
  manager.start().catch((error) => {
    console.error(error);
    process.exit(1);
  });
  await up;
  httpServer.listen(0, "127.0.0.1", () => {
    serve({ port: httpServer.address().port, processes: clusterProcesses, deploy: endOneByOne });
  });
} else {
  const { io } = createApp();
  io.adapter(createAdapter());
  setupWorker(io);
  process.on("SIGTERM", () => io.close(() => process.exit()));
  process.send("up");
}
