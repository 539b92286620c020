import type { IncomingMessage, ServerResponse } from "node:http";
import { connectionOf } from "./envelope.js";

/**
 * Requests of one client connection that may be forwarded at the same time. Over HTTP/2, and by
 * pipelining, one connection carries any number of them, and each takes a connection between two
 * workers. What proxies put on one connection is not more (Envoy 1,024, others 100 or 128).
 */
const MAX_PER_CONNECTION = 1_024;

/** Counts them. */
export class ConnectionShares {
  readonly #counts = new WeakMap<object, number>();

  /** @returns false: it is one too many; else it counts until `res` has closed */
  take(req: IncomingMessage, res: ServerResponse): boolean {
    const connection = connectionOf(req);
    const count = this.#counts.get(connection) ?? 0;
    if (count >= MAX_PER_CONNECTION) return false;
    this.#counts.set(connection, count + 1);
    res.once("close", () => {
      this.#counts.set(connection, (this.#counts.get(connection) ?? 1) - 1);
    });
    return true;
  }
}
