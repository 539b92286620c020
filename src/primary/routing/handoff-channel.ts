import type { Socket } from "node:net";
import { handoffs } from "../../diagnostics.js";
import { HANDOFF_PATIENCE, HANDOFF_RETRIES, MAX_WAITING_HANDOFFS } from "../../limits.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { Handoff, HandoffLine, HandoffLines, LineUser } from "./handoff.js";
import { refuse } from "./refuse.js";

/** What a channel tells of its worker. */
export interface HandoffEvents {
  /** It cannot be reached any more; these it did not get. */
  onGone(handoffs: Handoff[]): void;
  /** It has not taken a socket for `HANDOFF_PATIENCE`; others may have what `takeWaiting()` gives. */
  onStalled(): void;
}

/**
 * The connections of one listening server that are for one worker, in the order in which they came:
 * those that wait in the primary, and how many are under way.
 *
 * Until a worker has told that it has a socket, the primary keeps it open and keeps its bytes. So a
 * worker that dies loses none of them: they come back through `onGone`, in order, and another worker
 * gets them. What waits for a worker that stands still has never left the primary, or could be taken
 * back from it, and may go elsewhere (B3).
 */
export class HandoffChannel implements LineUser {
  readonly #handle: WorkerHandle;
  readonly #lines: HandoffLines<WorkerHandle>;
  readonly #events: HandoffEvents;
  #waiting: Handoff[] = [];
  #underWay = 0;
  /** By which the last one went, or waits to go. */
  #line: HandoffLine | undefined;
  readonly #retries = new WeakMap<Socket, number>();
  #closed = false;
  #patience: NodeJS.Timeout | undefined;
  #isStalled = false;

  constructor(handle: WorkerHandle, lines: HandoffLines<WorkerHandle>, events: HandoffEvents) {
    this.#handle = handle;
    this.#lines = lines;
    this.#events = events;
  }

  /** Whether what is pushed now would wait for nobody knows how long. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  push(handoff: Handoff): void {
    if (this.#closed) {
      this.#events.onGone([handoff]);
    } else if (this.#isFull()) {
      refuse(handoff.socket, 503);
    } else {
      this.#count(handoff, 1);
      this.#waiting.push(handoff);
      this.resume();
    }
  }

  /** Gives back what waits, except for what `stays`. */
  takeWaiting(stays: (handoff: Handoff) => boolean): Handoff[] {
    const staying = this.#waiting.filter(stays);
    const taken = this.#waiting.filter((handoff) => !staying.includes(handoff));
    this.#waiting = staying;
    for (const handoff of taken) this.#count(handoff, -1);
    return taken;
  }

  /** The worker is gone: gives back all that it has not taken. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endPatience();
    const taken = this.takeWaiting(() => false);
    if (taken.length > 0) this.#events.onGone(taken);
  }

  arrived(count: number): void {
    this.#underWay -= count;
    this.#handle.tookHandoffs(count);
    this.#endPatience();
    if (this.#underWay > 0 && !this.#closed) this.#startPatience();
  }

  lost(handoff: Handoff): void {
    this.#underWay--;
    const retries = (this.#retries.get(handoff.socket) ?? 0) + 1;
    this.#retries.set(handoff.socket, retries);
    if (this.#closed) this.#events.onGone([handoff]);
    else if (retries > HANDOFF_RETRIES) refuse(handoff.socket, 503);
    else this.#putFirst([handoff]);
  }

  back(handoffs: Handoff[]): void {
    this.#underWay -= handoffs.length;
    if (this.#closed) this.#events.onGone(handoffs);
    else this.#putFirst(handoffs);
  }

  /** Sends as much as the worker's line takes. */
  resume(): void {
    if (this.#isStalled && this.#line?.isFree) this.#endPatience();
    while (!this.#closed) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      if (next.socket.destroyed) {
        this.#shift();
        continue;
      }
      const line = this.#lines.lineFor(this.#handle, next.socket);
      this.#line = line;
      if (!line.isFree) {
        line.awaitRoom(this);
        this.#startPatience();
        return;
      }
      this.#shift();
      this.#underWay++;
      this.#startPatience();
      if (!line.send(next, this)) this.lost(next);
      else if (handoffs.isHeard) handoffs.tell({ pid: this.#handle.pid, ...factsOf(next) });
    }
  }

  broken(): void {
    this.#events.onGone([]);
  }

  #isFull(): boolean {
    const { handoffs, terms } = this.#handle;
    return handoffs.count >= MAX_WAITING_HANDOFFS || handoffs.bytes > terms.maxQueue;
  }

  #shift(): void {
    const handoff = this.#waiting.shift();
    if (handoff !== undefined) this.#count(handoff, -1);
  }

  #putFirst(handoffs: Handoff[]): void {
    for (const handoff of handoffs) this.#count(handoff, 1);
    this.#waiting.unshift(...handoffs);
  }

  #count({ bytes }: Handoff, sign: 1 | -1): void {
    this.#handle.countHandoffs(sign, sign * bytes.byteLength);
  }

  #endPatience(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#isStalled = false;
  }

  /** Runs from the first socket that waits for an answer, so that it costs little when all is well. */
  #startPatience(): void {
    this.#patience ??= setTimeout(() => this.#onStalled(), HANDOFF_PATIENCE).unref();
  }

  #onStalled(): void {
    this.#isStalled = true;
    this.#line?.withdraw();
    this.#line?.awaitRoom(this);
    this.#events.onStalled();
  }
}

function factsOf({ sid, opensSession, bytes, listener, returned }: Handoff) {
  return { sid, opensSession, bytes: bytes.byteLength, secure: listener.secure, returned };
}
