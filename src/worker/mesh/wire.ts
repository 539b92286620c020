import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { checkFolder } from "../../system/own-files.js";

/** How workers reach each other. Tests have another one, in memory and with faults. */
export interface Wire {
  /** @returns the address at which others reach this worker */
  listen(accept: (socket: Duplex) => void): Promise<string>;
  dial(address: string): Duplex;
}

/** Unix sockets in a folder that nobody but this user can enter. */
export class UnixWire implements Wire {
  /** Where it listens from the next `listen()` on. */
  dir: string;
  #server: Server | undefined;
  #path: string | undefined;

  constructor(dir: string) {
    this.dir = dir;
    process.once("exit", () => this.#path !== undefined && rmSync(this.#path, { force: true }));
  }

  async listen(accept: (socket: Duplex) => void): Promise<string> {
    checkFolder(this.dir);
    // Whatever begins with the pid is removed by the primary when this process was killed.
    const path = join(this.dir, `${process.pid}-m${randomBytes(5).toString("hex")}.sock`);
    const server = createServer(accept);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      // Without `exclusive` a cluster worker would ask the primary to own the socket.
      server.listen({ path, exclusive: true }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    // Out of descriptors: whoever wants to come in tries again.
    server.on("error", (error) => process.emitWarning(error));
    server.unref();
    this.#server?.close();
    this.#server = server;
    this.#path = path;
    return path;
  }

  dial(path: string): Duplex {
    return connect({ path });
  }
}
