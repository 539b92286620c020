// As in Socket.IO's documentation of @socket.io/pm2.
import { createAdapter } from "@socket.io/cluster-adapter";
import { setupWorker } from "@socket.io/sticky";
import { createApp, endOn } from "./app.js";

const { io } = createApp();
io.adapter(createAdapter());
setupWorker(io);
endOn("SIGINT", io); // pm2's way to end a process
process.send("ready");
