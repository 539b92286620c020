import type { Duplex } from "node:stream";

/** How long what was written may take to leave, as for a WebSocket that closes (ms). */
const FLUSH_TIMEOUT = 30_000;

/**
 * Ends a connection as `destroy()` does, only that what was written before still gets through.
 * What comes meanwhile is read and dropped: bytes that stay unread would make the kernel drop the
 * answer, too.
 *
 * @param limit after which it is destroyed, read or not (ms)
 */
export function endSoon(socket: Duplex, limit = FLUSH_TIMEOUT): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), limit).unref();
  socket.once("close", () => clearTimeout(timer));
  socket.once("error", () => socket.destroy());
  socket.resume();
  socket.end();
  if (socket.writableFinished) socket.destroy();
  else socket.once("finish", () => socket.destroy());
}
