import type { Deaths } from "./deaths.js";
import type { ClaimAnswer } from "./messages.js";
import type { Outside } from "./outside.js";
import { sessionsPayload } from "./own-payloads.js";
import { SessionTable } from "./session-table.js";
import { isLater, joined, left, type Session } from "./sessions.js";
import type { Stream } from "./stream.js";

/**
 * The sessions of all workers, and the changes of this one's: each change is told to all, numbered
 * as messages are, so that it survives this process as they do.
 */
export class Roster {
  readonly table = new SessionTable();
  readonly #outside: Outside;
  readonly #stream: Stream;
  readonly #deaths: Deaths;
  #dirty = new Map<string, Session>();
  /** Restored here, and not connected yet; since when (ms). */
  readonly #pending = new Map<string, number>();

  constructor(outside: Outside, stream: Stream, deaths: Deaths) {
    this.#outside = outside;
    this.#stream = stream;
    this.#deaths = deaths;
  }

  /** A client of this worker is new. */
  open(pid: string, sid: string, nsp: string, rooms: Iterable<string>, data: Uint8Array): void {
    const born = this.#stream.now();
    const { id: owner } = this.#outside;
    const session: Session = {
      pid,
      sid,
      nsp,
      owner,
      version: 1,
      born,
      stays: [],
      floor: new Map(),
      data,
      disconnectedAt: undefined,
      isOver: false,
    };
    this.change(joined(session, rooms, born));
  }

  join(pid: string, rooms: Iterable<string>): void {
    this.update(pid, (session) => joined(session, rooms, this.#stream.now()));
  }

  leave(pid: string, room: string): void {
    this.update(pid, (session) => left(session, room, this.#stream.now()));
  }

  /** Its data have changed. */
  store(pid: string, data: Uint8Array): void {
    this.update(pid, (session) => ({ ...session, data, version: session.version + 1 }));
  }

  /** It is connected again. */
  connected(pid: string): void {
    this.#pending.delete(pid);
    this.update(pid, (session) => ({
      ...session,
      disconnectedAt: undefined,
      version: session.version + 1,
    }));
  }

  /** Its connection is gone, and it may come back. */
  disconnected(pid: string): void {
    const disconnectedAt = this.#outside.now();
    this.update(pid, (session) => ({ ...session, disconnectedAt, version: session.version + 1 }));
  }

  /** It does not come back. */
  over(pid: string): void {
    const disconnectedAt = this.#outside.now();
    this.#pending.delete(pid);
    this.update(pid, (session) => ({
      ...session,
      stays: [],
      data: new Uint8Array(),
      isOver: true,
      disconnectedAt,
      version: session.version + 1,
    }));
  }

  isPending(pid: string): boolean {
    return this.#pending.has(pid);
  }

  /** It is restored here, and will be connected. */
  expect(pid: string): void {
    this.#pending.set(pid, this.#outside.now());
  }

  /** It is gone again before it was connected: it may come back. */
  abandoned(pid: string): void {
    this.#pending.delete(pid);
  }

  forgetPending(before: number): void {
    for (const [pid, since] of this.#pending) if (since < before) this.#pending.delete(pid);
  }

  /** What changed is told, and is safe if this process is killed now. */
  flush(): void {
    if (this.#dirty.size === 0) return;
    const sessions = [...this.#dirty.values()];
    this.#dirty = new Map();
    this.#stream.append(undefined, sessionsPayload(sessions));
  }

  /** Another worker has told of it. */
  learn(session: Session): void {
    const known = this.table.get(session.pid);
    if (!isLater(session, known)) return;
    const { id } = this.#outside;
    const isLost = session.disconnectedAt === undefined && this.#deaths.isDead(session.owner);
    this.table.set(isLost ? { ...session, disconnectedAt: this.#outside.now() } : session);
    if (known?.owner === id && session.owner !== id && known.disconnectedAt === undefined) {
      this.#outside.yield(known);
    }
  }

  /** A worker is gone, and with it the connections of its clients. */
  lost(owner: number): void {
    const disconnectedAt = this.#outside.now();
    for (const session of this.table.all) {
      if (session.owner === owner && session.disconnectedAt === undefined) {
        this.table.set({ ...session, disconnectedAt });
      }
    }
  }

  /** What an origin had sent up to `last` is not for the clients that are here already. */
  notFor(origin: number, last: number): void {
    for (const session of [...this.table.all]) {
      if (session.owner !== this.#outside.id || session.born.has(origin)) continue;
      const born = new Map(session.born).set(origin, last);
      this.update(session.pid, (known) => ({ ...known, born, version: known.version + 1 }));
    }
    this.flush();
  }

  /** @returns the session, which is this worker's now */
  take(session: Session): Session {
    const taken = { ...session, owner: this.#outside.id, version: session.version + 1 };
    this.change(taken);
    return taken;
  }

  /**
   * Worker `to` wants to restore a session, and this one decides (V6).
   *
   * @param isRestoring whether this worker is about to restore it
   */
  claim(
    pid: string,
    to: number,
    isRestoring: boolean,
    answer: (answer: ClaimAnswer) => void,
  ): void {
    const session = this.table.get(pid);
    const { id } = this.#outside;
    if (session === undefined || session.isOver) {
      answer("unknown");
    } else if (session.owner !== id) {
      // Its worker lives, or what that one has told of it last may still be on the way.
      if (this.#mayTell(session.owner)) answer("later");
      else this.#grant(session, to, answer);
    } else if (this.#pending.has(pid) || (to !== id && isRestoring)) {
      answer("refused");
    } else if (session.disconnectedAt === undefined) {
      this.#outside.probe(session, (isAlive) => {
        if (isAlive) {
          answer("refused");
          return;
        }
        if (this.table.get(pid)?.disconnectedAt === undefined) this.disconnected(pid);
        this.claim(pid, to, isRestoring, answer);
      });
    } else {
      this.#grant(session, to, answer);
    }
  }

  #grant(session: Session, to: number, answer: (answer: ClaimAnswer) => void): void {
    const disconnectedAt = this.#outside.now();
    this.change({ ...session, owner: to, disconnectedAt, version: session.version + 1 });
    this.flush();
    answer("granted");
  }

  #mayTell(owner: number): boolean {
    const peers = this.#outside.peers();
    if (peers.includes(owner)) return true;
    // Of those whose worker is gone the oldest decides, and nobody else.
    if (peers.some((peer) => peer < this.#outside.id)) return true;
    return this.#deaths.isDead(owner) && !this.#deaths.isSettled(owner, this.#outside.now());
  }

  update(pid: string, change: (session: Session) => Session): void {
    const session = this.table.get(pid);
    if (session === undefined || session.owner !== this.#outside.id || session.isOver) return;
    const changed = change(session);
    if (changed !== session) this.change(changed);
  }

  change(session: Session): void {
    this.table.set(session);
    this.#dirty.set(session.pid, session);
  }
}
