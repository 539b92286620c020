import { randomBytes } from "node:crypto";
import type { ClusterResponse } from "socket.io-adapter";
import { Type } from "../transport/message-types.js";

/** A broadcast that waits for acknowledgements of other workers' clients. */
interface Pending {
  /** Adapters that it was sent to, and that have not settled yet. */
  readonly servers: Map<string, { clients: number; acks: number }>;
  readonly onServer: (clients: number) => void;
  readonly onAck: (answer: unknown) => void;
}

/**
 * Broadcasts with acknowledgements that are under way.
 *
 * socket.io waits until as many servers have told their number of clients as there were, and as
 * many acknowledgements came as they told. A server that dies would leave both short. So each
 * server is told of only when it is complete, or gone, with the acknowledgements that came.
 */
export class AckedBroadcasts {
  readonly #pending = new Map<string, Pending>();

  /**
   * @param timeout after which answers are of no use (ms)
   * @returns the id of the request
   */
  start(
    onServer: (clients: number) => void,
    onAck: (answer: unknown) => void,
    timeout = 0,
  ): string {
    const requestId = randomBytes(8).toString("hex");
    this.#pending.set(requestId, { servers: new Map(), onServer, onAck });
    setTimeout(() => this.#pending.delete(requestId), timeout).unref();
    return requestId;
  }

  /** It was sent to these adapters, and did not concern so many others. */
  sent(requestId: string, servers: Iterable<string>, unconcerned = 0): void {
    const pending = this.#pending.get(requestId);
    if (pending === undefined) return; // its time is up
    for (const uid of servers) pending.servers.set(uid, { clients: -1, acks: 0 });
    for (let n = 0; n < unconcerned; n++) pending.onServer(0);
  }

  onResponse(response: ClusterResponse): void {
    const { uid, data } = response as unknown as {
      uid: string;
      data: { requestId: string; clientCount?: number; packet?: unknown };
    };
    const pending = this.#pending.get(data.requestId);
    const server = pending?.servers.get(uid);
    if (pending === undefined || server === undefined) return; // it joined after the broadcast
    if ((response.type as number) === Type.BROADCAST_ACK) {
      server.acks++;
      pending.onAck(data.packet);
    } else {
      server.clients = data.clientCount ?? 0;
    }
    if (server.clients === server.acks) this.#settle(pending, uid, server.acks);
  }

  /** A server is gone. */
  lost(uid: string): void {
    for (const pending of this.#pending.values()) {
      const server = pending.servers.get(uid);
      if (server !== undefined) this.#settle(pending, uid, server.acks);
    }
  }

  #settle(pending: Pending, uid: string, clients: number): void {
    pending.servers.delete(uid);
    pending.onServer(clients);
  }
}
