import { randomBytes } from "node:crypto";
import { get, request } from "node:http";
import { text } from "node:stream/consumers";

/** How long a process may take to close its inspector (ms). */
const TIMEOUT = 3_000;

/** The inspector's own message that runs code. */
const CLOSE = JSON.stringify({
  id: 1,
  method: "Runtime.evaluate",
  params: { expression: `process.getBuiltinModule("inspector").close()` },
});

/** Whether the inspector at `url` (`ws://host:port/uuid`) is there. A thread of its own answers. */
export function isInspectorOpen(url: string): Promise<boolean> {
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve) => {
    const req = get({ hostname, port, path: "/json/list", timeout: TIMEOUT }, (res) => {
      // The port may be somebody else's by now; the id tells.
      text(res).then(
        (list) => resolve(list.includes(pathname.slice(1))),
        () => resolve(false),
      );
    });
    req.once("timeout", () => req.destroy(new Error("no answer")));
    req.once("error", () => resolve(false));
  });
}

/**
 * Closes the inspector at `url`, with all sessions, and lets what is stopped at a breakpoint go on.
 *
 * The inspector itself is asked to run the code that does it: unlike an IPC message, that reaches
 * a process whose event loop stands still, and one that knows nothing of this package.
 *
 * @returns when it has let go of the connection, or the time is over
 */
export function closeInspector(url: string): Promise<void> {
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve) => {
    const req = request({
      hostname,
      port,
      path: pathname,
      timeout: TIMEOUT,
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
      },
    });
    req.once("upgrade", (_, socket) => {
      const timer = setTimeout(() => socket.destroy(), TIMEOUT);
      socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      socket.on("error", () => {}); // its close follows
      // Its goodbye: it waits for ours.
      socket.once("data", () => socket.destroy());
      socket.write(textFrame(CLOSE));
    });
    req.once("response", (res) => {
      res.resume(); // another server has the port by now
      resolve();
    });
    req.once("timeout", () => req.destroy(new Error("no answer")));
    req.once("error", () => resolve());
    req.end();
  });
}

/** A WebSocket message of a client: one frame, masked, of up to 125 bytes. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const mask = randomBytes(4);
  const masked = payload.map((byte, n) => byte ^ (mask[n % 4] ?? 0));
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, masked]);
}
