import type { Server as HttpServer } from "node:http";

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
