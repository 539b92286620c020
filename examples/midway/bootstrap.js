// Midway 3. Start it with: npx tsc -p examples/midway && node examples/midway/bootstrap.js
// PORT and WORKERS come from the environment.
// Midway's own bootstrap for sticky sessions; only the import of ClusterManager and
// setupStickyMaster is another one.
import { createServer } from "node:http";
import { Bootstrap } from "@midwayjs/bootstrap";
import { ClusterManager, setupStickyMaster } from "socket-supervisor";

const { PORT = 7001, WORKERS = 4 } = process.env;
const clusterManager = new ClusterManager({
  exec: import.meta.filename,
  count: Number(WORKERS),
  sticky: true,
});

if (clusterManager.isPrimary()) {
  const httpServer = createServer();
  setupStickyMaster(httpServer);
  clusterManager.onStop(() => httpServer.close());
  await clusterManager.start();
  httpServer.listen(Number(PORT), () => {
    console.log(`http://localhost:${httpServer.address().port} is ready`);
  });
} else {
  await Bootstrap.configure({ appDir: import.meta.dirname, moduleLoadType: "esm" }).run();
}
