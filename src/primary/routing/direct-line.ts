import type { Mark } from "../../handoff/journal.js";
import { detachFromServer } from "../../handoff/stop-reads.js";
import { MAX_UNDER_WAY } from "../../limits.js";
import { type Handoff, type HandoffLine, type LineUser, messageOf } from "./handoff.js";

/** Writes sockets to the worker's process: see handoff/ipc-handles.ts. */
export interface SocketWriter {
  write(n: number, body: unknown, socket: Handoff["socket"]): boolean;
}

/** What the worker has done with them: see handoff/journal.ts. */
export interface MarkReader {
  markOf(n: number): Mark;
  withdraw(): void;
  allow(): void;
  close(): void;
}

interface UnderWay {
  readonly handoff: Handoff;
  readonly user: LineUser;
}

/**
 * The short way of sockets into one worker: many at a time, without Node's acknowledgement.
 *
 * Invariant: the primary keeps a socket open, and its bytes, until the worker has told that it has
 * it. A worker tells in batches, so when it dies or stands still its journal says which of the rest
 * it has taken; the others go back to who sent them, and no client is answered by two workers.
 */
export class DirectLine implements HandoffLine {
  readonly #writer: SocketWriter;
  readonly #marks: MarkReader;
  readonly #underWay = new Map<number, UnderWay>();
  /** Who waits for room. */
  readonly #waiting = new Set<LineUser>();
  /** Number of the last socket that was sent. */
  #last: number;
  #state: "open" | "withdrawn" | "closed" = "open";
  #standsStill = false;

  /** @param last number of the last socket that was sent before, all of which have been told */
  constructor(writer: SocketWriter, marks: MarkReader, last: number) {
    this.#writer = writer;
    this.#marks = marks;
    this.#last = last;
  }

  get isFree(): boolean {
    return this.#state === "open" && this.#underWay.size < MAX_UNDER_WAY;
  }

  send(handoff: Handoff, user: LineUser): boolean {
    if (this.#state !== "open") return false;
    const n = this.#last + 1;
    detachFromServer(handoff.socket);
    if (!this.#writer.write(n, messageOf(handoff), handoff.socket)) return false;
    this.#last = n;
    this.#underWay.set(n, { handoff, user });
    return true;
  }

  awaitRoom(user: LineUser): void {
    this.#waiting.add(user);
  }

  /** The worker has seen all up to number `upTo`, but for those that are `missing`. */
  told(upTo: number, missing: readonly number[]): void {
    const arrived = new Map<LineUser, number>();
    const lost: UnderWay[] = [];
    for (const [n, item] of this.#underWay) {
      if (n > upTo) break;
      this.#underWay.delete(n);
      if (missing.includes(n) && !item.handoff.socket.destroyed) {
        lost.push(item);
      } else {
        item.handoff.socket.destroy(); // only our copy: the connection is the worker's now
        arrived.set(item.user, (arrived.get(item.user) ?? 0) + 1);
      }
    }
    for (const [user, count] of arrived) user.arrived(count);
    for (const { handoff, user } of lost) user.lost(handoff);
    if (this.#state === "withdrawn" && upTo >= this.#last) {
      // It goes on, and has seen that all it had not taken was withdrawn.
      this.#marks.allow();
      this.#state = "open";
      this.#standsStill = false;
    }
    if (this.isFree) this.#resume();
  }

  /** The worker takes nothing for too long: what it has not taken goes back to who sent it. */
  withdraw(): void {
    if (this.#state !== "open" || this.#underWay.size === 0) return;
    this.#state = "withdrawn";
    this.#standsStill = true;
    this.#marks.withdraw();
    this.#giveBack(notTaken);
  }

  /** The worker cannot be reached any more. It may still be at work with what it has taken. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#marks.withdraw();
    this.#giveBack(notTaken);
    this.#resume();
  }

  /**
   * Its process has ended. Where that was no request's doing, what it had taken and not answered goes
   * back too, once. A request by which a worker throws, exits, runs out of memory or stands still is
   * nobody else's to try: it would end one worker after the other.
   *
   * @param fromOutside whether a signal ended it that neither it nor the primary has sent
   */
  end(fromOutside: boolean): void {
    this.close();
    if (fromOutside && !this.#standsStill) {
      this.#giveBack((mark, handoff) =>
        mark === "taken" && !handoff.survived && isWhole(handoff)
          ? { ...handoff, survived: true }
          : undefined,
      );
    }
    for (const { handoff } of this.#underWay.values()) handoff.socket.destroy();
    this.#underWay.clear();
    this.#marks.close();
  }

  /** @param what gives back for a socket with this mark; `undefined`: it stays */
  #giveBack(what: (mark: Mark, handoff: Handoff) => Handoff | undefined): void {
    const back = new Map<LineUser, Handoff[]>();
    for (const [n, { handoff, user }] of this.#underWay) {
      const given = what(this.#marks.markOf(n), handoff);
      if (given === undefined) continue;
      this.#underWay.delete(n);
      if (!given.socket.destroyed) back.set(user, [...(back.get(user) ?? []), given]);
    }
    for (const [user, handoffs] of back) user.back(handoffs);
  }

  #resume(): void {
    const users = [...this.#waiting];
    this.#waiting.clear();
    for (const user of users) user.resume();
  }
}

const notTaken = (mark: Mark, handoff: Handoff): Handoff | undefined =>
  mark === "none" ? handoff : undefined;

const HEAD_END = "\r\n\r\n";

/**
 * Whether a request may be answered by another worker than the one that took it: it is safe (RFC
 * 9110, section 9.2.1), and all that the client sends before it has an answer was read here: a
 * whole head, and no body. Only then has that worker read nothing that another one needs.
 */
export function isWhole({ bytes, listener }: Pick<Handoff, "bytes" | "listener">): boolean {
  if (listener.secure) return false;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  return (
    text.indexOf(HEAD_END) === text.length - HEAD_END.length &&
    /^(GET|HEAD|OPTIONS) /.test(text) &&
    !/^(content-length|transfer-encoding|expect)[ \t]*:/im.test(text)
  );
}
