// A worker of the memory benchmark: no client connects; it broadcasts, or is slow, when told so.
import cluster from "node:cluster";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { setupWorker } from "socket-supervisor";

const { RATE, PAYLOAD, BUSY, PAUSE } = process.env;
const io = new Server(createServer());

const roles = {
  /** `RATE` broadcasts of `PAYLOAD` bytes a second, what was missed made up for. */
  broadcast() {
    const payload = "x".repeat(Number(PAYLOAD));
    const start = performance.now();
    let sent = 0;
    setInterval(() => {
      const due = ((performance.now() - start) / 1_000) * Number(RATE);
      for (; sent < due; sent++) io.emit("load", payload);
    }, 10);
  },
  /** Its event loop stands still, but for a moment now and then. */
  slow() {
    const end = performance.now() + Number(BUSY);
    while (performance.now() < end);
    setTimeout(roles.slow, Number(PAUSE));
  },
};

// Over the mesh nothing of it passes the primary.
await setupWorker(io, { adapter: process.env.ADAPTER });
process.on("message", (message) => roles[message?.role]?.());
cluster.worker.on("disconnect", () => process.exit());
