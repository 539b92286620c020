import type { Socket } from "node:net";
import type { Listener, ToWorker } from "../../protocol.js";

/** A connection on its way to a worker: the socket, and what had to be read of it. */
export interface Handoff {
  readonly socket: Socket;
  readonly bytes: Uint8Array;
  /** The session it belongs to; decides whether another worker may have it. */
  readonly sid: string | undefined;
  /** Whether it counts as a session on its way. */
  readonly opensSession: boolean;
  /** The server that accepted it. */
  readonly listener: Listener;
  /** A worker has given it back. */
  readonly returned: boolean;
}

/** What crosses with the socket. */
export function messageOf(handoff: Handoff): ToWorker {
  const { bytes: data, opensSession: placed, returned, listener } = handoff;
  return { type: "sticky:connection", data, placed, returned, listener };
}

/** Who gives sockets to a way into a worker, and hears what became of them. */
export interface HandoffUser {
  /** The worker has these; the primary's copies are closed. */
  arrived(handoffs: Handoff[]): void;
  /** It did not arrive, and can be sent again. */
  lost(handoff: Handoff): void;
  /** Was sent, and is not the worker's any more: it never took them. */
  back(handoffs: Handoff[]): void;
  /** There is room again. */
  resume(): void;
}
