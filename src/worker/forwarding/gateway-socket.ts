import { randomBytes } from "node:crypto";
import { rmdirSync, rmSync } from "node:fs";
import type { Server as HttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { checkFolder } from "../../system/own-files.js";

/** Polls that come at once wait here for a worker that is busy; the kernel allows what it allows. */
const BACKLOG = 4_096;

/**
 * The Unix socket of a gateway. It may have to listen again elsewhere, when its directory is gone;
 * connections that are open stay open.
 */
export class GatewaySocket {
  readonly #http: HttpServer;
  #server: Server | undefined;
  #path: string | null = null;
  #lastWarning: string | undefined;

  constructor(http: HttpServer) {
    this.#http = http;
  }

  /** `null` while it does not listen. */
  get path(): string | null {
    return this.#path;
  }

  /**
   * Listens in `dir`, in place of where it did. It never fails: a worker without a gateway serves
   * what comes to it, and says so.
   *
   * @returns its path; `null` when it cannot listen there
   */
  async listen(dir: string | null): Promise<string | null> {
    if (dir === null) return this.#path;
    const before = this.#server;
    try {
      this.#path = await this.#open(dir);
      this.#lastWarning = undefined;
      before?.close();
    } catch (error) {
      this.#path = null;
      this.#warn((error as NodeJS.ErrnoException).code ?? "", (error as Error).message);
    }
    return this.#path;
  }

  /** Takes no further connection, and leaves no file behind; those that are open stay open. */
  close(): void {
    this.#server?.close();
    if (this.#path !== null) removeSocket(this.#path);
    this.#path = null;
  }

  async #open(dir: string): Promise<string> {
    checkFolder(dir);
    const path = join(dir, `${process.pid}-${randomBytes(6).toString("hex")}.sock`);
    // Not the HTTP server's own listen(): that one can be in one place only.
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#http.emit("connection", socket);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      // Without `exclusive` a cluster worker would ask the primary to own the socket.
      server.listen({ path, exclusive: true, backlog: BACKLOG }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    // A connection that could not be accepted, for want of descriptors: its peer answers 502.
    server.on("error", (error: NodeJS.ErrnoException) => this.#warn(error.code, error.message));
    this.#server = server;
    return path;
  }

  /** Once for each kind of failure: the primary asks again every second. */
  #warn(kind: string | undefined, message: string): void {
    if (kind === this.#lastWarning) return;
    this.#lastWarning = kind;
    process.emitWarning(`The gateway of worker ${process.pid} does not listen: ${message}`, {
      code: "SUPERVISOR_GATEWAY",
    });
  }
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
