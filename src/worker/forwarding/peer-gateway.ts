import {
  createServer,
  type IncomingMessage,
  maxHeaderSize,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Duplex } from "node:stream";
import { ownsSession, sidOf } from "../sessions/engine.js";
import { type LocalHandlers, NOT_HERE, NOT_HERE_HEADER, unwrap } from "./envelope.js";
import { GatewaySocket } from "./gateway-socket.js";

/**
 * Answers requests that reached another worker, over HTTP on a Unix socket.
 *
 * Invariant: it gives them to Engine.IO itself and never forwards, so forwarding cannot loop (R10).
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
      maxHeaderSize: 2 * maxHeaderSize, // a client's whole head, and what is added to it
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

  #find(request: IncomingMessage): LocalHandlers | undefined {
    const { server } = unwrap(request);
    const sid = sidOf(request);
    return this.#handlers.find(({ name, engine }) =>
      sid === undefined ? name === server : ownsSession(engine, sid),
    );
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const handlers = this.#find(request);
    if (handlers !== undefined) handlers.handleRequest(request, response);
    else response.writeHead(NOT_HERE, { [NOT_HERE_HEADER]: "1", "content-length": 0 }).end();
  };

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on("error", () => socket.destroy());
    const handlers = this.#find(request);
    if (handlers !== undefined) {
      handlers.handleUpgrade(request, socket, head);
    } else {
      socket.end(
        `HTTP/1.1 ${NOT_HERE} Misdirected Request\r\n${NOT_HERE_HEADER}: 1\r\n` +
          "Connection: close\r\nContent-Length: 0\r\n\r\n",
      );
    }
  };
}
