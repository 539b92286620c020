import type { Socket } from "node:net";
import type { Listener, ToWorker } from "../../protocol/messages.js";

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
  /** A worker died with it unanswered: it may be what killed that worker. */
  readonly survived?: boolean;
}

/** What crosses with the socket. */
export function messageOf(handoff: Handoff): ToWorker {
  const { bytes: data, opensSession: placed, returned, listener } = handoff;
  return { type: "sticky:connection", data, placed, returned, listener };
}

/**
 * A way of sockets into one worker.
 *
 * Invariant of every line: the primary keeps a socket open, and its bytes, until the worker has told
 * that it has it; and no two workers answer one client.
 */
export interface HandoffLine {
  /** Whether it takes a socket now. Else `awaitRoom()`. */
  readonly isFree: boolean;
  /** @returns false: it cannot go this way, and nothing of it has gone */
  send(handoff: Handoff, user: LineUser): boolean;
  /** `user` hears of it once, when that may have changed. */
  awaitRoom(user: LineUser): void;
  /** What the worker has not taken goes back, as far as it can be taken from it. */
  withdraw(): void;
}

/** Who gives sockets to a line, and hears what became of them. */
export interface LineUser {
  /** The worker has one more of them, or several; the primary's copies are closed. */
  arrived(count: number): void;
  /** It did not arrive, and can be sent again. */
  lost(handoff: Handoff): void;
  /** They were sent, and are not the worker's: in the order in which they were. */
  back(handoffs: Handoff[]): void;
  /** There may be room again. */
  resume(): void;
  /** The worker cannot be written to any more. */
  broken(): void;
}

/** Gives each worker's line for a socket. */
export interface HandoffLines<Worker> {
  lineFor(worker: Worker, socket: Socket): HandoffLine;
}
