import type { Socket } from "node:net";
import type { Listener } from "../../protocol/messages.js";
import type { ConnectionMessage } from "./arrivals.js";

/** What tells both ends of one connection: a TLS socket does not say which socket it came of. */
export const peerOf = (socket: Socket): string => `${socket.remoteAddress}:${socket.remotePort}`;

const NOTHING = new Uint8Array(0);

/** A connection as the primary handed it over: made when it arrives, and all that is known of it. */
export class ClientConnection {
  readonly socket: Socket;
  /** The primary's server that accepted it. */
  readonly listener: Listener;
  /** A closed socket does not know it any more. */
  readonly peer: string;
  /** A worker has given it back before. */
  readonly #returned: boolean;
  #isPlaced: boolean;
  #bytes: Uint8Array;

  constructor({ data, placed, returned, listener }: ConnectionMessage, socket: Socket) {
    this.socket = socket;
    this.listener = listener;
    this.peer = peerOf(socket);
    this.#returned = returned;
    this.#isPlaced = placed;
    this.#bytes = data;
  }

  /** It speaks TLS. */
  get secure(): boolean {
    return this.listener.secure;
  }

  /** It may go to another worker: its keys are not here, and it cannot go round in circles (R10). */
  get canReturn(): boolean {
    return !this.listener.secure && !this.#returned;
  }

  /** Whether the primary chose this worker for the session that it opens first: asked once. */
  takePlace(): boolean {
    const isPlaced = this.#isPlaced;
    this.#isPlaced = false;
    return isPlaced;
  }

  /** What the primary had to read of it: given once, and not kept for its life. */
  takeBytes(): Uint8Array {
    const bytes = this.#bytes;
    this.#bytes = NOTHING;
    return bytes;
  }
}
