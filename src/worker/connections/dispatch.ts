import type { Server as HttpServer } from "node:http";
import type { Socket } from "node:net";
import type { ClientConnection } from "./client-connection.js";
import { HttpServers } from "./http-servers.js";

/** How long a connection waits for the server that it is for (ms). */
const SERVER_TIMEOUT = 5_000;

/** How many connections may wait for their servers; others are closed. */
export const MAX_WAITING_FOR_SERVER = 1_000;

/**
 * Gives the primary's connections to this worker's HTTP servers.
 *
 * The worker is ready after its first `setupWorker()`, and its other servers may follow: until
 * then, their connections wait.
 */
export class Dispatch {
  readonly #servers = new HttpServers();
  #waiting: ClientConnection[] = [];
  /** Listeners without a server that it has told of: once each. */
  readonly #told = new Set<string>();

  serve(server: HttpServer, name: string | undefined): void {
    this.#servers.add(server, name);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const connection of waiting) this.take(connection);
  }

  take(connection: ClientConnection): void {
    const { socket, listener } = connection;
    const server = this.#servers.find(listener);
    if (server !== undefined) {
      adoptConnection(server, socket, connection.takeBytes());
      return;
    }
    if (this.#waiting.length >= MAX_WAITING_FOR_SERVER) {
      socket.destroy();
      return;
    }
    socket.pause();
    this.#waiting.push(connection);
    socket.on("error", () => socket.destroy());
    setTimeout(() => this.#giveUp(connection), SERVER_TIMEOUT).unref();
  }

  #giveUp(waiting: ClientConnection): void {
    if (!this.#waiting.includes(waiting)) return;
    this.#waiting = this.#waiting.filter((item) => item !== waiting);
    waiting.socket.destroy();
    const { secure, name, index } = waiting.listener;
    const key = JSON.stringify([secure, name, index]);
    if (this.#told.has(key)) return;
    this.#told.add(key);
    process.emitWarning(
      `A connection came for the primary's ${secure ? "TLS" : "plain"} server ` +
        `${name === undefined ? `number ${index + 1}` : `"${name}"`}, but this worker has no such ` +
        "HTTP server. Call setupWorker() for one, with the same name, and of the same kind: an " +
        "https server here for an https server there.",
      { code: "SUPERVISOR_NO_HTTP_SERVER" },
    );
  }
}

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
