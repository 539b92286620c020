// Midway's manager and sticky balancer, with the workers' half that Midway's component uses.
import { createServer } from "node:http";
import { ClusterManager, setupStickyMaster } from "@midwayjs/bootstrap";
import { setupWorker } from "@midwayjs/bootstrap/dist/sticky.js";
import { ChildProcessEventBus } from "@midwayjs/event-bus";
import { createAdapter, setupPrimary } from "@socket.io/cluster-adapter";
import { createApp, endOn } from "./app.js";
import { serve } from "./control.js";
import { clusterProcesses, endOneByOne } from "./rolling.js";

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
  await manager.start();
  httpServer.listen(0, "127.0.0.1", () => {
    serve({ port: httpServer.address().port, processes: clusterProcesses, deploy: endOneByOne });
  });
} else {
  // What its Bootstrap.run() does around the application.
  await new ChildProcessEventBus({ isWorker: true }).start();
  const { io } = createApp();
  io.adapter(createAdapter());
  setupWorker(io);
  endOn("SIGTERM", io);
  process.send("up");
}
