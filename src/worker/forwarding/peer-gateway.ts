import { randomBytes } from "node:crypto";
import { rmdirSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { dirname, join } from "node:path";
import type { Duplex } from "node:stream";
import { debuglog } from "node:util";
import { ownsSession, sidOf } from "../sessions/engine.js";
import { endSoon } from "./end-soon.js";
import { MAX_ENVELOPE, open } from "./envelope.js";
import type { LocalHandlers } from "./local-handlers.js";
import { NOT_HERE, NOT_HERE_HEADER, UPGRADE_NOT_HERE } from "./not-here.js";
import { answerUpgrade } from "./refusal.js";

const debug = debuglog("socket-supervisor");

/** Polls that come at once wait here for a worker that is busy; the kernel allows what it allows. */
const BACKLOG = 4_096;

/**
 * Answers requests that reached another worker, over HTTP on a Unix socket.
 *
 * Invariant: it gives them to Engine.IO itself and never forwards, so forwarding cannot loop (R10).
 * Invariant: nothing that comes without a proper envelope reaches anybody: it gets 400 (B1).
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
      maxHeaderSize: MAX_ENVELOPE + 4_096, // and the few lines around it
    });
    this.#server.on("request", this.#onRequest);
    this.#server.on("upgrade", this.#onUpgrade);
    // Out of descriptors a connection is not accepted; its worker answers 502, and goes on.
    this.#server.on("error", (error) => debug("The gateway: %s", error));
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
      this.#server.listen({ path, exclusive: true, backlog: BACKLOG }, resolve);
    });
    process.once("exit", () => removeSocket(path));
    return path;
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
