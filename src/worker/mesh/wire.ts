import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";

/** How workers reach each other. Tests have another one, in memory and with faults. */
export interface Wire {
  /** @returns the address at which others reach this worker */
  listen(accept: (socket: Duplex) => void): Promise<string>;
  dial(address: string): Duplex;
}

/** Unix sockets in `dir`, which nobody but this user can enter. */
export function unixWire(dir: string): Wire {
  return {
    async listen(accept) {
      const path = join(dir, `m${process.pid}-${randomBytes(5).toString("hex")}.sock`);
      const server = createServer(accept);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        // Without `exclusive` a cluster worker would ask the primary to own the socket.
        server.listen({ path, exclusive: true }, resolve);
      });
      // Out of descriptors: whoever wants to come in tries again.
      server.on("error", (error) => process.emitWarning(error));
      server.unref();
      process.once("exit", () => rmSync(path, { force: true }));
      return path;
    },
    dial: (path) => connect({ path }),
  };
}
