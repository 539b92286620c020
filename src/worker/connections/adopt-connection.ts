import type { Server as HttpServer } from "node:http";
import type { Socket } from "node:net";

/**
 * Takes a connection over from the primary: the HTTP server gets it as if it had accepted it.
 *
 * Runs before the event loop reads from the socket, so the bytes that the primary read come
 * first, then what is still in the kernel (R4).
 */
export function adoptConnection(server: HttpServer, socket: Socket, bytes: Uint8Array): void {
  // As the server sets it for sockets that it accepts. Of HTTP a client may end its side before it
  // reads; with TLS, unless the application says otherwise, an end ends the connection, or one that
  // ended in the middle of its handshake would stay until that times out.
  socket.allowHalfOpen = (server as { allowHalfOpen?: boolean }).allowHalfOpen ?? false;
  server.emit("connection", socket);
  if (bytes.length > 0) socket.unshift(bytes);
}

/**
 * Makes `headersTimeout` and `requestTimeout` work on a server that never listens.
 *
 * Node starts their check in a `listening` listener of its own. To emit `listening` would tell the
 * application what is not true, so only that listener is called. Where it is missing (another
 * kind of server, another Node) nothing happens, and only idle timeouts apply.
 *
 * @returns whether the timeouts are on
 */
export function startRequestTimeouts(server: HttpServer): boolean {
  const start = server
    .listeners("listening")
    .find((listener) => listener.name === "setupConnectionsTracking");
  if (start === undefined || server.listening) return server.listening;
  start.call(server);
  return true;
}
