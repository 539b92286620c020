// A worker of the memory benchmark: it broadcasts, or is slow, when told so. Clients that come to
// the one that broadcasts are told so, and try again, so that all of them are of the others.
import cluster from "node:cluster";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { setupWorker } from "socket-supervisor";

const { RATE, PAYLOAD, BUSY, PAUSE } = process.env;
const io = new Server(createServer());
let isSender = false;

const roles = {
  /** `RATE` broadcasts of `PAYLOAD` bytes a second, what was missed made up for. */
  broadcast() {
    isSender = true;
    const payload = "x".repeat(Number(PAYLOAD));
    const start = performance.now();
    let sent = 0;
    setInterval(() => {
      const due = ((performance.now() - start) / 1_000) * Number(RATE);
      for (; sent < due; sent++) io.to("load").emit("load", payload);
    }, 10);
    setInterval(() => process.send({ rss: process.memoryUsage.rss() }), 100);
  },
  /** Its event loop stands still, but for a moment now and then. */
  slow() {
    const end = performance.now() + Number(BUSY);
    while (performance.now() < end);
    setTimeout(roles.slow, Number(PAUSE));
  },
};

io.on("connection", (socket) => {
  socket.on("join", async (joined) => {
    if (!isSender) {
      await socket.join("load");
      process.send({ member: process.pid });
    }
    joined(!isSender);
  });
});

await setupWorker(io, { adapter: process.env.ADAPTER });
process.on("message", (message) => roles[message?.role]?.());
cluster.worker.on("disconnect", () => process.exit());
