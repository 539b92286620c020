import { randomBytes } from "node:crypto";
import type { ClusterResponse } from "socket.io-adapter";
import { Type } from "./message-types.js";

/** A broadcast that waits for acknowledgements of other workers' clients. */
interface Pending {
  /** Servers that were there when it was sent, and that have not settled yet. */
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

  /** @returns the id of the request */
  start(
    servers: readonly string[],
    onServer: (clients: number) => void,
    onAck: (answer: unknown) => void,
    timeout = 0,
  ): string {
    const requestId = randomBytes(8).toString("hex");
    this.#pending.set(requestId, {
      servers: new Map(servers.map((uid) => [uid, { clients: -1, acks: 0 }])),
      onServer,
      onAck,
    });
    setTimeout(() => this.#pending.delete(requestId), timeout).unref();
    return requestId;
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

  /** A server is gone; or `requestId` does not concern it. */
  lost(uid: string, requestId?: string): void {
    const only = requestId === undefined ? undefined : this.#pending.get(requestId);
    const concerned = requestId === undefined ? this.#pending.values() : only ? [only] : [];
    for (const pending of concerned) {
      const server = pending.servers.get(uid);
      if (server !== undefined) this.#settle(pending, uid, server.acks);
    }
  }

  #settle(pending: Pending, uid: string, clients: number): void {
    pending.servers.delete(uid);
    pending.onServer(clients);
  }
}
