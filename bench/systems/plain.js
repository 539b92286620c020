// One process, no cluster: what the hardware gives, and what stands behind HAProxy and nginx.
import { createApp } from "./app.js";
import { serve } from "./control.js";

const { httpServer, io } = createApp();
// The end that Socket.IO's documentation has: clients are told, and the process goes.
process.on("SIGTERM", () => io.close(() => process.exit()));
httpServer.listen(Number(process.env.PORT), "127.0.0.1", () => {
  serve({
    port: httpServer.address().port,
    processes: () => [{ pid: process.pid, role: "worker" }],
  });
});
