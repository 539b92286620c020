// Sees to it that there is always a member of the room "load" in another worker than the one that
// broadcasts. What is parked there makes the other one the least loaded. Ends with its parent.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { io } from "socket.io-client";

const url = `http://127.0.0.1:${process.argv[2]}`;
process.on("disconnect", () => process.exit());

let parked;
for (;;) {
  const options = { transports: ["websocket"], forceNew: true, reconnection: false };
  const socket = io(url, { ...options, timeout: 1_000 });
  try {
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve).once("connect_error", reject);
    });
    if (await socket.timeout(1_000).emitWithAck("join")) {
      await once(socket, "disconnect");
    } else if (parked?.connected) {
      await sleep(50); // there is no other worker at the moment
    } else {
      parked = socket;
      continue;
    }
  } catch {
    await sleep(50); // it stands still, or is being replaced
  }
  socket.disconnect();
}
