import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ownsSession, sidOf } from "../sessions/engine.js";
import { endSoon } from "./end-soon.js";
import { MAX_ENVELOPE, open } from "./envelope.js";
import { GatewaySocket } from "./gateway-socket.js";
import type { LocalHandlers } from "./local-handlers.js";
import { NOT_HERE, NOT_HERE_HEADER, UPGRADE_NOT_HERE } from "./not-here.js";
import { answerUpgrade } from "./refusal.js";

/**
 * Answers requests that reached another worker, over HTTP on a Unix socket.
 *
 * Invariant: it gives them to Engine.IO itself and never forwards, so forwarding cannot loop (R10).
 * Invariant: nothing that comes without a proper envelope reaches anybody: it gets 400 (B1).
 */
export class PeerGateway {
  readonly #server: Server;
  readonly #socket: GatewaySocket;
  readonly #handlers: LocalHandlers[] = [];

  constructor() {
    // Peers keep their connections open, and a client's slowness has been judged at the front.
    this.#server = createServer({
      keepAliveTimeout: 0,
      headersTimeout: 0,
      requestTimeout: 0,
      maxHeaderSize: MAX_ENVELOPE + 4_096, // and the few lines around it
    });
    this.#server.on("request", this.#onRequest);
    this.#server.on("upgrade", this.#onUpgrade);
    this.#socket = new GatewaySocket(this.#server);
  }

  serve(handlers: LocalHandlers): void {
    this.#handlers.push(handlers);
  }

  /** Its path; `null` while it does not listen. */
  get path(): string | null {
    return this.#socket.path;
  }

  /** @returns the path of its socket in `dir`; `null` when it cannot listen there */
  listen(dir: string | null): Promise<string | null> {
    return this.#socket.listen(dir);
  }

  /** Answers nobody any more, and leaves no file behind. */
  close(): void {
    this.#socket.close();
    this.#server.closeAllConnections();
  }

  #find(server: string, request: IncomingMessage): LocalHandlers | undefined {
    const sid = sidOf(request);
    return this.#handlers.find(({ name, engine }) =>
      sid === undefined ? name === server : ownsSession(engine, sid),
    );
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const server = open(request);
    if (server === undefined) {
      response.writeHead(400, { "content-length": 0, connection: "close" }).end();
      return;
    }
    const handlers = this.#find(server, request);
    if (handlers !== undefined) handlers.handleRequest(request, response);
    else response.writeHead(NOT_HERE, { [NOT_HERE_HEADER]: "1", "content-length": 0 }).end();
  };

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on("error", () => socket.destroy());
    const server = open(request);
    if (server === undefined) {
      answerUpgrade(socket, "400 Bad Request");
      return;
    }
    const handlers = this.#find(server, request);
    if (handlers !== undefined) {
      handlers.handleUpgrade(request, socket, head);
    } else {
      socket.write(UPGRADE_NOT_HERE);
      endSoon(socket);
    }
  };
}
