import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { allowReads, detachFromServer, stopReads } from "../../handoff/stop-reads.js";
import { MAX_HANDOFF_BYTES } from "../../limits.js";
import type { PrimaryChannel } from "../primary-channel.js";
import type { ClientConnections } from "./client-connections.js";

/**
 * Gives connections that are being upgraded to the owner of their session, by way of the primary.
 *
 * An upgrade that comes on a proxy's shared connection would be forwarded for the life of its
 * WebSocket, at twice the cost. But from the upgrade on the connection is that session's alone, so
 * the socket itself can go; what was read of it goes along. TLS cannot: its keys are here.
 *
 * Invariant: a connection is given back once at the most, so it cannot go round in circles (R10).
 */
export class ReturnableConnections {
  readonly #channel: Pick<PrimaryChannel, "sendSocket">;
  readonly #connections: Pick<ClientConnections, "of">;

  constructor(
    channel: Pick<PrimaryChannel, "sendSocket">,
    connections: Pick<ClientConnections, "of">,
  ) {
    this.#channel = channel;
    this.#connections = connections;
  }

  /**
   * Holds a connection in the very call that tells of its upgrade, so that nothing more is read.
   *
   * @returns `undefined` if it has to stay in this process
   */
  hold(req: IncomingMessage, socket: Duplex, head: Buffer): HeldConnection | undefined {
    const connection = this.#connections.of(socket);
    if (connection?.canReturn !== true) return undefined;
    const { listener } = connection;
    // An answer to an earlier request may still be on its way.
    if (!(socket instanceof Socket) || socket.writableLength > 0) {
      return undefined;
    }
    const data = Buffer.concat([Buffer.from(headOf(req), "latin1"), head]);
    if (data.byteLength > MAX_HANDOFF_BYTES || !stopReads(socket)) return undefined;
    return {
      giveBack: () => {
        detachFromServer(socket);
        this.#channel.sendSocket({ type: "supervisor:return", data, listener }, socket);
      },
      keep: () => allowReads(socket),
    };
  }
}

export interface HeldConnection {
  /** It is not this process's any more. */
  giveBack(): void;
  /** It stays here, as if nothing had been. */
  keep(): void;
}

/** The head as the client sent it, as far as Node tells. */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    head += `${rawHeaders[index]}: ${rawHeaders[index + 1]}\r\n`;
  }
  return `${head}\r\n`;
}
