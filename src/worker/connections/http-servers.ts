import type { Server as HttpServer } from "node:http";
import { Server as TlsServer } from "node:tls";
import type { Listener } from "../../protocol/messages.js";

/**
 * The HTTP servers of one worker, and which of the primary's connections are for which.
 *
 * A connection is for the server with the name of its listener. Without names, the first, second…
 * listener of a kind (TLS or not) is that of the first, second… server of that kind; and if a worker
 * has only one server of a kind, that one serves all listeners.
 */
export class HttpServers {
  readonly #kinds = { plain: new Kind(), tls: new Kind() };

  add(server: HttpServer, name: string | undefined): void {
    this.#kindOf(server instanceof TlsServer).add(server, name);
  }

  /** @returns `undefined` when no server is meant; a later `setupWorker()` may still add it */
  find({ secure, name, index }: Listener): HttpServer | undefined {
    return this.#kindOf(secure).find(name, index);
  }

  #kindOf(secure: boolean): Kind {
    return secure ? this.#kinds.tls : this.#kinds.plain;
  }
}

class Kind {
  readonly #unnamed: HttpServer[] = [];
  readonly #named = new Map<string, HttpServer>();

  add(server: HttpServer, name: string | undefined): void {
    if (name !== undefined) this.#named.set(name, server);
    else if (!this.#unnamed.includes(server)) this.#unnamed.push(server);
  }

  find(name: string | undefined, index: number): HttpServer | undefined {
    if (this.#named.size === 0 && this.#unnamed.length === 1) return this.#unnamed[0];
    return name === undefined ? this.#unnamed[index] : this.#named.get(name);
  }
}
