/** Of Socket.IO servers, the path that is not configured. */
const DEFAULT_PATH = "/socket.io";

/**
 * Names for the servers of one worker that are the same in all workers, so that a forwarded
 * handshake and a broadcast find the server they are meant for.
 *
 * A name is made of the path; of several servers with the same path the order of their
 * `setupWorker()` calls decides, unless they are given names.
 */
export class ServerNames {
  readonly #taken = new Map<string, number>();

  next(path: string, name = ""): string {
    const base = name === "" ? path : `${path} ${name}`;
    const count = this.#taken.get(base) ?? 0;
    this.#taken.set(base, count + 1);
    return count === 0 ? base : `${base}#${count}`;
  }
}

/**
 * What stands before the namespace in the messages of a server's adapters. Nothing for the ordinary
 * server: it understands those of `@socket.io/cluster-adapter`, which has one server only. No
 * namespace begins with "@", since all begin with "/".
 */
export function adapterScope(serverName: string): string {
  return serverName === DEFAULT_PATH ? "" : `@${serverName}@`;
}
