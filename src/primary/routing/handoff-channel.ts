import type { Socket } from "node:net";
import { HANDOFF_PATIENCE, MAX_WAITING_HANDOFFS } from "../../limits.js";
import type { Listener, ToWorker } from "../../protocol.js";
import { detachFromServer } from "../../stop-reads.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
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

/** What a channel tells of its worker. */
export interface HandoffEvents {
  /** It cannot be reached any more; these it did not get. */
  onGone(handoffs: Handoff[]): void;
  /** It has not taken a socket for `HANDOFF_PATIENCE`; others may have what `takeWaiting()` gives. */
  onStalled(): void;
}

/**
 * Hands sockets to one worker, one at a time.
 *
 * Invariant: until the worker's process has acknowledged a socket, the primary keeps it open and
 * keeps its bytes. So a worker that dies loses none of them: they come back through `onGone`,
 * in order, and another worker gets them.
 *
 * One at a time, because Node itself sends the next handle only after the acknowledgement of the
 * one before, and what waits in its queue could not be taken back. An acknowledgement carries no
 * id: a socket is sent only when nobody else's handle is under way, so the next one is for it.
 *
 * A worker that stands still keeps only that one. What waits behind it has never left the primary,
 * and may go elsewhere (B3). The one that was sent may not: it is in the kernel's queue, the worker
 * takes it the moment it goes on, and two workers would answer one client. No word of the primary
 * could be sure to come before that moment. Only the end of the process frees it.
 */
export class HandoffChannel {
  readonly #handle: WorkerHandle;
  readonly #events: HandoffEvents;
  readonly #endAnswers: () => void;
  #waiting: Handoff[] = [];
  /** Sent, and not acknowledged. */
  #current: Handoff | undefined;
  #retries = 0;
  #closed = false;
  #patience: NodeJS.Timeout | undefined;
  #isStalled = false;

  constructor(handle: WorkerHandle, events: HandoffEvents) {
    this.#handle = handle;
    this.#events = events;
    this.#endAnswers = onHandleAnswer(handle.worker, (received) => this.#onAnswer(received));
  }

  /** Whether what is pushed now would wait for nobody knows how long. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  push(handoff: Handoff): void {
    if (this.#closed) {
      this.#events.onGone([handoff]);
    } else if (this.#handle.handoffs.count >= MAX_WAITING_HANDOFFS) {
      refuse(handoff.socket, 503);
    } else {
      this.#count(handoff, 1);
      this.#waiting.push(handoff);
      this.#sendNext();
    }
  }

  /** Gives back what waits and was never sent, except for what `stays`. */
  takeWaiting(stays: (handoff: Handoff) => boolean): Handoff[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    const taken: Handoff[] = [];
    for (const handoff of waiting) (stays(handoff) ? this.#waiting : taken).push(handoff);
    for (const handoff of taken) this.#count(handoff, -1);
    return taken;
  }

  /** The worker is gone: gives back all that it has not acknowledged. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endAnswers();
    this.#endPatience();
    const returned = this.#current ? [this.#current, ...this.#waiting] : this.#waiting;
    for (const handoff of this.#waiting) this.#count(handoff, -1);
    this.#current = undefined;
    this.#waiting = [];
    if (returned.length > 0) this.#events.onGone(returned);
  }

  #count({ bytes }: Handoff, sign: 1 | -1): void {
    this.#handle.handoffs.count += sign;
    this.#handle.handoffs.bytes += sign * bytes.byteLength;
  }

  #endPatience(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#isStalled = false;
  }

  /** Runs while a socket is under way. */
  #startPatience(): void {
    this.#patience ??= setTimeout(() => {
      this.#isStalled = true;
      this.#events.onStalled();
    }, HANDOFF_PATIENCE).unref();
  }

  #sendNext(): void {
    if (this.#current !== undefined) return;
    if (isSendingHandle(this.#handle.worker)) {
      if (this.#waiting.length > 0) this.#startPatience(); // behind another server's, or the user's
      return;
    }
    let next = this.#waiting.shift();
    while (next?.socket.destroyed) {
      this.#count(next, -1);
      next = this.#waiting.shift();
    }
    if (next === undefined) return;
    this.#count(next, -1);
    this.#retries = 0;
    this.#send(next);
  }

  #send(handoff: Handoff): void {
    this.#current = handoff;
    this.#startPatience();
    const { socket, bytes, opensSession, returned, listener } = handoff;
    detachFromServer(socket);
    const message: ToWorker = {
      type: "sticky:connection",
      data: bytes,
      placed: opensSession,
      returned,
      listener,
    };
    const { worker } = this.#handle;
    worker.send(message, socket, { keepOpen: true }, (error: Error | null) => {
      // A channel that cannot be written to belongs to a worker that is ending.
      if (error && this.#current === handoff) this.close();
    });
  }

  #onAnswer(received: boolean): void {
    this.#endPatience();
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
