import type { Worker } from "node:cluster";
import { detachFromServer } from "../../handoff/stop-reads.js";
import { type Handoff, type HandoffLine, type LineUser, messageOf } from "./handoff.js";
import { isSendingHandle, onHandleAnswer } from "./ipc-internals.js";

/**
 * Node's own way of sockets into one worker: `worker.send(message, socket)`, one at a time.
 *
 * One at a time, because Node itself sends the next handle only after the acknowledgement of the
 * one before, and what waits in its queue could not be taken back. An acknowledgement carries no
 * id: a socket is sent only when nobody else's handle is under way, so the next one is for it.
 *
 * The one that was sent to a worker that stands still cannot be taken back: it is in the kernel's
 * queue, the worker takes it the moment it goes on, and two workers would answer one client. Only
 * the end of the process frees it.
 */
export class AcknowledgedLine implements HandoffLine {
  readonly #worker: Worker;
  readonly #endAnswers: () => void;
  readonly #waiting = new Set<LineUser>();
  /** Sent, and not acknowledged. */
  #current: { handoff: Handoff; user: LineUser } | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#endAnswers = onHandleAnswer(worker, (received) => this.#onAnswer(received));
  }

  get isFree(): boolean {
    return this.#current === undefined && !isSendingHandle(this.#worker);
  }

  awaitRoom(user: LineUser): void {
    this.#waiting.add(user);
  }

  send(handoff: Handoff, user: LineUser): boolean {
    const current = { handoff, user };
    this.#current = current;
    detachFromServer(handoff.socket);
    const onWritten = (error: Error | null): void => {
      // A channel that cannot be written to belongs to a worker that is ending.
      if (error && this.#current === current) user.broken();
    };
    this.#worker.send(messageOf(handoff), handoff.socket, { keepOpen: true }, onWritten);
    return true;
  }

  withdraw(): void {}

  /** The worker is gone. */
  close(): void {
    this.#endAnswers();
    const { handoff, user } = this.#current ?? {};
    this.#current = undefined;
    if (handoff !== undefined) user?.back([handoff]);
    this.#resume();
  }

  #onAnswer(received: boolean): void {
    const { handoff, user } = this.#current ?? {};
    this.#current = undefined;
    if (handoff !== undefined && user !== undefined) {
      if (received || handoff.socket.destroyed) {
        handoff.socket.destroy(); // only our copy: the connection is the worker's now
        user.arrived(1);
      } else {
        user.lost(handoff);
      }
    }
    this.#resume();
  }

  #resume(): void {
    const users = [...this.#waiting];
    this.#waiting.clear();
    for (const user of users) user.resume();
  }
}
