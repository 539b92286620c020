import { createRequire } from "node:module";
import type { Pool as UndiciPool } from "undici";
import { PeerLine } from "./peer-line.js";

/*
 * undici takes half the CPU of http.request() for such requests (20 and 43 µs). Its main file makes
 * an agent of its own the one that the application's fetch() uses, so only the pool is loaded.
 */
const Pool = createRequire(import.meta.url)("undici/lib/dispatcher/pool.js") as typeof UndiciPool;

/** An application's own answer, which a plain server would not limit (bytes). */
const MAX_ANSWER_HEAD = 4 * 1024 * 1024;

/** HTTP to the gateways of other workers, over connections that are kept for a few seconds. */
export class PeerClient {
  readonly #lines = new Map<string, PeerLine>();

  /** The worker has ended; answers that it has sent still come. */
  forget(gateway: string): void {
    this.#lines.get(gateway)?.close();
    this.#lines.delete(gateway);
  }

  lineTo(gateway: string): PeerLine {
    let line = this.#lines.get(gateway);
    if (line === undefined) {
      const pool = new Pool("http://localhost", {
        socketPath: gateway,
        connections: null, // polls wait, so each needs a connection of its own
        pipelining: 1,
        // A poll lasts as long as nothing happens; Engine.IO and the client have their own limits.
        headersTimeout: 0,
        bodyTimeout: 0,
        maxHeaderSize: MAX_ANSWER_HEAD,
      });
      line = new PeerLine(gateway, pool);
      this.#lines.set(gateway, line);
    }
    return line;
  }
}
