import { randomBytes } from "node:crypto";
import { rmdirSync, rmSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  maxHeaderSize,
  type Server,
  type ServerResponse,
} from "node:http";
import { dirname, join } from "node:path";
import type { Duplex } from "node:stream";
import { ownsSession, sidOf } from "../sessions/engine.js";
import { type LocalHandlers, NOT_HERE, NOT_HERE_HEADER, unwrap } from "./envelope.js";

/**
 * Answers requests that reached another worker, over HTTP on a Unix socket.
 *
 * Invariant: it gives them to Engine.IO itself and never forwards, so forwarding cannot loop (R10).
 */
export class PeerGateway {
  readonly #server: Server;
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
  }

  serve(handlers: LocalHandlers): void {
    this.#handlers.push(handlers);
  }

  /** @returns the path of its socket in `dir` */
  async listen(dir: string): Promise<string> {
    const path = join(dir, `${process.pid}-${randomBytes(6).toString("hex")}.sock`);
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      // Without `exclusive` a cluster worker would ask the primary to own the socket.
      this.#server.listen({ path, exclusive: true }, resolve);
    });
    process.once("exit", () => removeSocket(path));
    return path;
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

/** While the primary lives, the directory is its to remove. */
function removeSocket(path: string): void {
  rmSync(path, { force: true });
  if (process.connected) return;
  try {
    rmdirSync(dirname(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "ENOENT") throw error;
  }
}
