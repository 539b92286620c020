// One process, no cluster: what the hardware gives, and what stands behind HAProxy and nginx.
import { createApp, endOn } from "./app.js";
import { serve } from "./control.js";

const { httpServer, io } = createApp();
endOn("SIGTERM", io);
httpServer.listen(Number(process.env.PORT), "127.0.0.1", () => {
  serve({
    port: httpServer.address().port,
    processes: () => [{ pid: process.pid, role: "worker" }],
  });
});
