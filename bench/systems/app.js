// The Socket.IO application that every system runs, so that only the way to it differs.
import { createServer } from "node:http";
import { Server } from "socket.io";

export function createApp() {
  const httpServer = createServer();
  const io = new Server(httpServer, { serveClient: false });
  // A handshake that asks learns which process answered it.
  io.engine.on("initial_headers", (headers, req) => {
    if (req.url.includes("pid=1")) headers["x-pid"] = String(process.pid);
  });
  io.on("connection", (socket) => {
    if (socket.handshake.query.pid === "1") socket.emit("pid", process.pid);
    socket.on("echo", (text) => socket.emit("echo", text));
    socket.on("broadcast", (text) => io.emit("broadcast", text));
    socket.on("targeted", (id, text) => io.to(id).emit("targeted", text));
    socket.on("fetch", async () => {
      try {
        socket.emit("fetched", (await io.fetchSockets()).length);
      } catch (error) {
        socket.emit("failed", error.message);
      }
    });
  });
  return { httpServer, io };
}

/** The end that Socket.IO's documentation has; what is still open after 2 s is cut. */
export function endOn(signal, io) {
  process.on(signal, () => {
    io.close(() => process.exit());
    setTimeout(() => process.exit(), 2_000);
  });
}
