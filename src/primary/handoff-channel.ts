import type { Worker } from "node:cluster";
import type { Socket } from "node:net";
import type { ToWorker } from "../protocol.js";
import { detachFromServer } from "./stop-reads.js";

/** A connection on its way to a worker: the socket, and what had to be read of it. */
export interface Handoff {
  readonly socket: Socket;
  readonly bytes: Uint8Array;
  /** The session it belongs to; decides whether another worker may have it. */
  readonly sid: string | undefined;
  /** Whether it counts as a session on its way. */
  readonly opensSession: boolean;
}

/** Node retries a socket that did not arrive (the worker is out of file descriptors) three times. */
const MAX_RETRIES = 3;

/**
 * Hands sockets to one worker, one at a time.
 *
 * Invariant: until the worker's process has acknowledged a socket, the primary keeps it open and
 * keeps its bytes. So a worker that dies loses none of them: they come back through `onReturned`,
 * in order, and another worker gets them.
 *
 * One at a time, because Node itself sends the next socket only after the acknowledgement of the
 * one before, and what waits in its queue could not be taken back. The acknowledgement is Node's
 * own (`NODE_HANDLE_ACK`, an `internalMessage`), so it costs no message of ours. It carries no id;
 * it is ours when our own write has completed, since nobody else's socket is sent in between.
 */
export class HandoffChannel {
  readonly #worker: Worker;
  readonly #onReturned: (handoffs: Handoff[]) => void;
  #waiting: Handoff[] = [];
  #current: Handoff | undefined;
  #written = false;
  #retries = 0;
  #closed = false;

  constructor(worker: Worker, onReturned: (handoffs: Handoff[]) => void) {
    this.#worker = worker;
    this.#onReturned = onReturned;
    worker.process.on("internalMessage", this.#onInternalMessage);
  }

  /** Sockets that the worker has not acknowledged. */
  get pending(): number {
    return this.#waiting.length + (this.#current ? 1 : 0);
  }

  push(handoff: Handoff): void {
    if (this.#closed) {
      this.#onReturned([handoff]);
      return;
    }
    this.#waiting.push(handoff);
    if (this.#current === undefined) this.#sendNext();
  }

  /** The worker is gone: gives back all that it has not acknowledged. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#worker.process.off("internalMessage", this.#onInternalMessage);
    const returned = this.#current ? [this.#current, ...this.#waiting] : this.#waiting;
    this.#current = undefined;
    this.#waiting = [];
    if (returned.length > 0) this.#onReturned(returned);
  }

  #sendNext(): void {
    this.#current = this.#waiting.shift();
    this.#retries = 0;
    if (this.#current !== undefined) this.#send(this.#current);
  }

  #send(handoff: Handoff): void {
    const { socket, bytes, opensSession } = handoff;
    if (socket.destroyed) {
      this.#sendNext();
      return;
    }
    detachFromServer(socket);
    this.#written = false;
    const message: ToWorker = { type: "sticky:connection", data: bytes, placed: opensSession };
    this.#worker.send(message, socket, { keepOpen: true }, (error: Error | null) => {
      if (this.#current !== handoff) return;
      // A channel that cannot be written to belongs to a worker that is ending.
      if (error) this.close();
      else this.#written = true;
    });
  }

  readonly #onInternalMessage = (message: unknown): void => {
    const handoff = this.#current;
    if (handoff === undefined || !this.#written) return;
    const command = (message as { cmd?: unknown } | null)?.cmd;
    if (command === "NODE_HANDLE_ACK") {
      handoff.socket.destroy(); // only our copy: the connection is the worker's now
      this.#sendNext();
    } else if (command === "NODE_HANDLE_NACK") {
      if (this.#retries++ < MAX_RETRIES) {
        this.#send(handoff);
      } else {
        this.#current = undefined;
        this.#onReturned([handoff]);
        this.#sendNext();
      }
    }
  };
}
