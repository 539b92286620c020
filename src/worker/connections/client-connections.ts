import { EventEmitter } from "node:events";
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { type TLSSocket, Server as TlsServer } from "node:tls";
import type { ConnectionMessage } from "./arrivals.js";
import { ClientConnection, peerOf } from "./client-connection.js";

/**
 * The clients' connections of one worker, and how they are closed without breaking a request.
 *
 * HTTP 1 connections end with their next response, HTTP/2 ones by GOAWAY (RFC 9113, section 6.8).
 * Connections that were upgraded have no requests, so they are closed when their time is over.
 */
export class ClientConnections extends EventEmitter<{ close: [] }> {
  readonly #connections = new Map<object, ClientConnection>();
  /** TLS sockets by peer; a connection that is not here has not finished its handshake. */
  readonly #secured = new Map<string, TLSSocket>();
  readonly #http2 = new Set<ServerHttp2Session>();
  readonly #servers = new Set<HttpServer>();
  #isClosing = false;

  get size(): number {
    return this.#connections.size;
  }

  add(message: ConnectionMessage, socket: Socket): ClientConnection {
    const connection = new ClientConnection(message, socket);
    this.#connections.set(socket, connection);
    socket.once("close", () => {
      this.#connections.delete(socket);
      this.#secured.delete(connection.peer);
      this.emit("close");
    });
    return connection;
  }

  /** @returns `undefined` for a socket that did not come from the primary, or is closed */
  of(socket: object): ClientConnection | undefined {
    return this.#connections.get(socket);
  }

  watch(server: HttpServer): void {
    if (this.#servers.has(server)) return;
    this.#servers.add(server);
    server.on("session", (session: ServerHttp2Session) => {
      this.#http2.add(session);
      session.once("close", () => this.#http2.delete(session));
      session.once("stream", () => this.#isClosing && session.close());
    });
    if (!(server instanceof TlsServer)) return;
    const tls: TlsServer = server;
    tls.on("secureConnection", (socket) => this.#secured.set(peerOf(socket), socket));
  }

  /**
   * From now on connections end as soon as that breaks nothing: HTTP 1 ones with their next response.
   *
   * Idle ones stay for as long as their server has promised (`keepAliveTimeout`; Node closes them
   * then). A client may be about to use one, and would find it closed: nobody but the client can tell
   * whether a request is on its way (RFC 9112, section 9.5).
   */
  closeGently(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    for (const session of this.#http2) session.close();
    for (const server of this.#servers) {
      server.prependListener("request", (req: IncomingMessage, res: ServerResponse) => {
        if (req.httpVersionMajor < 2) res.setHeader("Connection", "close");
      });
    }
  }

  /** Closes what carries no request, and never will: what waits for the next one stays. */
  destroyUpgraded(): void {
    for (const { socket, secure, peer } of this.#connections.values()) {
      const http = secure ? this.#secured.get(peer) : socket;
      if (http === undefined || isUpgraded(http)) socket.destroy();
    }
  }

  /** For when the time is over: idle connections end, and those with a request when it is answered. */
  closeIdle(): void {
    for (const server of this.#servers) {
      server.closeIdleConnections?.(); // not there for HTTP/2 alone
      server.keepAliveTimeout = 1;
    }
  }
}

/** Node's HTTP server takes its parser off a connection that is upgraded; HTTP/2 has none. */
function isUpgraded(socket: Socket): boolean {
  const { parser, alpnProtocol } = socket as { parser?: unknown; alpnProtocol?: unknown };
  return parser == null && alpnProtocol !== "h2";
}
