import { ClusterManager, setupWorker } from "socket-supervisor";
import { createApp } from "./app.js";
import { serve } from "./control.js";

const manager = new ClusterManager({
  exec: import.meta.filename,
  count: Number(process.env.WORKERS),
  sticky: true,
  port: 0,
  host: "127.0.0.1",
  drainTimeout: 3_000, // for the reload; the default of 30 s is gentler
});
if (manager.isPrimary()) {
  await manager.start();
  serve({
    port: manager.status().address.port,
    processes: () => [
      { pid: process.pid, role: "primary" },
      ...manager.getWorkerIds().map((pid) => ({ pid: Number(pid), role: "worker" })),
    ],
    deploy: () => manager.reload(),
  });
} else {
  await setupWorker(createApp().io);
}
