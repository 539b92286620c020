import type { Socket } from "node:net";
import { debug } from "../../diagnostics.js";
import type { Routing } from "../../options/options.js";
import type { Listener } from "../../protocol/messages.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";

/** Routes a connection that a worker has given back, by what was read of it. */
export type TakeBack = (socket: Socket, bytes: Uint8Array) => void;

/**
 * The listening servers of this process, told apart as the workers do it: by name, or by number among
 * those of their kind. A connection that a worker gives back goes to the server that it came from.
 */
export class Listeners {
  /** Servers without a name, by kind. */
  readonly #unnamed = { plain: 0, tls: 0 };
  readonly #takeBack = new Map<string, TakeBack>();
  /** What the application's own servers need; those of a manager say it to its workers alone. */
  #routing: Routing = "direct";

  constructor(registry: Pick<WorkerRegistry, "on">) {
    registry.on("message", (_handle, message, socket) => {
      if (message.type === "supervisor:return") {
        this.#onReturn(socket, message.data, message.listener);
      }
    });
  }

  /** Registers one more listening server. */
  add(secure: boolean, name: string | undefined, takeBack: TakeBack): Listener {
    const index = name === undefined ? this.#unnamed[secure ? "tls" : "plain"]++ : 0;
    const listener = { secure, name, index };
    this.#takeBack.set(JSON.stringify(listener), takeBack);
    return listener;
  }

  /** How workers have to take the connections of the application's own servers. */
  get routing(): Routing {
    return this.#routing;
  }

  /** A server of the application is there; all of its workers have to set up the same side of it. */
  useRouting(routing: Routing): void {
    if (routing === "upstream") this.#routing = routing;
  }

  #onReturn(socket: Socket | undefined, bytes: Uint8Array, listener: Listener): void {
    if (socket === undefined) return; // the client was gone before it arrived
    debug("a worker gives a connection back, with %d bytes", bytes.byteLength);
    const { secure, name, index } = listener;
    const takeBack = this.#takeBack.get(JSON.stringify({ secure, name, index }));
    if (takeBack === undefined) socket.destroy();
    else takeBack(socket, bytes);
  }
}
