import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { restartReads } from "../../handoff/stop-reads.js";

/** How long the client may take to read an answer before its socket is closed (ms). */
const LINGER = 1_000;

/**
 * Answers in place of a worker, with valid HTTP, and closes.
 *
 * No body: this may be the answer to a HEAD request, and the method was never looked at.
 */
export function refuse(socket: Socket, status: 400 | 408 | 431 | 503): void {
  socket.removeAllListeners("data");
  // Unread bytes would turn the close into a reset, and the reset would overtake the answer.
  restartReads(socket);
  const timer = setTimeout(() => socket.destroy(), LINGER).unref();
  socket.once("close", () => clearTimeout(timer));
  socket.once("end", () => socket.destroy());
  const retry = status === 503 ? "Retry-After: 1\r\n" : "";
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${retry}Connection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}
