import type { Worker } from "node:cluster";
import type { Socket } from "node:net";
import type { Listener, ToWorker } from "../../protocol.js";
import { detachFromServer } from "../../stop-reads.js";
import { isSendingHandle, onHandleAnswer } from "./ipc-internals.js";
import { refuse } from "./refuse.js";

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

/** How often a socket that did not arrive is sent again before its client gets 503. */
const MAX_RETRIES = 3;

/**
 * Hands sockets to one worker, one at a time.
 *
 * Invariant: until the worker's process has acknowledged a socket, the primary keeps it open and
 * keeps its bytes. So a worker that dies loses none of them: they come back through `onReturned`,
 * in order, and another worker gets them.
 *
 * One at a time, because Node itself sends the next handle only after the acknowledgement of the
 * one before, and what waits in its queue could not be taken back. An acknowledgement carries no
 * id: a socket is sent only when nobody else's handle is under way, so the next one is for it.
 */
export class HandoffChannel {
  readonly #worker: Worker;
  readonly #onReturned: (handoffs: Handoff[]) => void;
  readonly #endAnswers: () => void;
  #waiting: Handoff[] = [];
  /** Sent, and not acknowledged. */
  #current: Handoff | undefined;
  #retries = 0;
  #closed = false;

  constructor(worker: Worker, onReturned: (handoffs: Handoff[]) => void) {
    this.#worker = worker;
    this.#onReturned = onReturned;
    this.#endAnswers = onHandleAnswer(worker, (received) => this.#onAnswer(received));
  }

  push(handoff: Handoff): void {
    if (this.#closed) {
      this.#onReturned([handoff]);
      return;
    }
    this.#waiting.push(handoff);
    this.#sendNext();
  }

  /** The worker is gone: gives back all that it has not acknowledged. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endAnswers();
    const returned = this.#current ? [this.#current, ...this.#waiting] : this.#waiting;
    this.#current = undefined;
    this.#waiting = [];
    if (returned.length > 0) this.#onReturned(returned);
  }

  #sendNext(): void {
    if (this.#current !== undefined || isSendingHandle(this.#worker)) return;
    let next = this.#waiting.shift();
    while (next?.socket.destroyed) next = this.#waiting.shift();
    if (next === undefined) return;
    this.#retries = 0;
    this.#send(next);
  }

  #send(handoff: Handoff): void {
    this.#current = handoff;
    const { socket, bytes, opensSession, returned, listener } = handoff;
    detachFromServer(socket);
    const message: ToWorker = {
      type: "sticky:connection",
      data: bytes,
      placed: opensSession,
      returned,
      listener,
    };
    this.#worker.send(message, socket, { keepOpen: true }, (error: Error | null) => {
      // A channel that cannot be written to belongs to a worker that is ending.
      if (error && this.#current === handoff) this.close();
    });
  }

  #onAnswer(received: boolean): void {
    const handoff = this.#current;
    this.#current = undefined;
    if (handoff !== undefined) {
      if (received || handoff.socket.destroyed) {
        handoff.socket.destroy(); // only our copy: the connection is the worker's now
      } else if (this.#retries++ < MAX_RETRIES) {
        this.#send(handoff);
        return;
      } else {
        refuse(handoff.socket, 503);
      }
    }
    this.#sendNext();
  }
}
