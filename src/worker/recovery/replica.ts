import { CatchUp } from "./catch-up.js";
import { Deaths } from "./deaths.js";
import { type Address, addressOf, type Entry, Logs } from "./log.js";
import type { ClaimAnswer, Part, RecoveryMessage } from "./messages.js";
import { Offsets } from "./offsets.js";
import type { Outside } from "./outside.js";
import {
  checkpointPayload,
  isCheckpoint,
  isSessions,
  readCheckpoint,
  readSessions,
  sessionsPayload,
} from "./own-payloads.js";
import { type Outcome, type Restored, Restores } from "./restores.js";
import { SessionTable } from "./session-table.js";
import { concerns, isLater, joined, left, type Session } from "./sessions.js";
import { partOf, tellAll } from "./teller.js";
import type { Vector } from "./vector.js";

/** ms between two looks at what waits. */
const LOOK = 20;

/** ms between two looks at what is too old. */
const SWEEP = 1_000;

/** A client may have been away for so long before its worker knows it (ms): Engine.IO's timeouts. */
const UNNOTICED = 90_000;

/** Share of the bytes that sessions of clients may take that are away. */
const SESSION_SHARE = 4;

export interface ReplicaOptions {
  /** Bytes of the messages that are kept. */
  maxBytes: number;
  /** How long a client may be away (ms). */
  maxDisconnectionDuration: number;
}

/**
 * One worker's copy of what is needed to restore any client: what all origins have sent, bounded,
 * and the sessions of all clients. It knows neither sockets nor connections; see `Outside`.
 *
 * Each worker numbers what it sends, and everybody gets all of it, so that of each origin there is
 * a prefix, and how far a client is can be said by one number for each origin. A message is at one
 * other worker before any client can have it, so it does not die with its origin.
 */
export class Replica {
  readonly #outside: Outside;
  readonly #options: ReplicaOptions;
  readonly #logs: Logs;
  readonly #table = new SessionTable();
  /** How far this worker is: what it has given to its clients. */
  readonly #marks = new Map<number, number>();
  /** A copy for those who keep it, until something changes. */
  #snapshot: Vector | undefined;
  readonly #offsets = new Offsets((vector) => this.#writeCheckpoint(vector));
  readonly #deaths: Deaths;
  readonly #restores: Restores;
  readonly #greeted = new Set<number>();
  readonly #stops: (() => void)[] = [];
  /** `undefined`: no server here has recovery on; it only listens. */
  #catchUp: CatchUp | undefined;
  /** Workers that wait to be told all. */
  #asking: { peer: number; starts: Map<number, number> }[] = [];
  #dirty = new Map<string, Session>();
  /** Restored here, and not connected yet; since when (ms). */
  readonly #pending = new Map<string, number>();
  #forgottenSessions = 0;

  constructor(outside: Outside, options: ReplicaOptions) {
    this.#outside = outside;
    this.#options = { ...options };
    this.#logs = new Logs(options.maxBytes);
    const { id } = outside;
    this.#marks.set(id, 0);
    this.#logs.begin(id, 0);
    this.#deaths = new Deaths({
      mark: (origin) => this.#marks.get(origin),
      tell: (to, origin, last) => this.#send(to, { type: "have", origin, last }),
      part: (origin, after) => this.#partAfter(origin, after),
      pass: (to, part) => this.#send(to, { type: "pass", part }),
    });
    this.#restores = new Restores(this.#restoreSource());
    for (const peer of outside.peers()) this.met(peer);
  }

  get stats(): { bytes: number; forgotten: number; sessions: number; forgottenSessions: number } {
    const { bytes, forgotten } = this.#logs;
    const { size: sessions } = this.#table;
    return { bytes, forgotten, sessions, forgottenSessions: this.#forgottenSessions };
  }

  get isCaughtUp(): boolean {
    return this.#catchUp?.isDone ?? false;
  }

  /** Whether all that those who are gone had sent is where it should be. */
  get isSettled(): boolean {
    const now = this.#outside.now();
    return [...this.#deaths.all].every((origin) => this.#deaths.isSettled(origin, now));
  }

  /** All that is kept, in the order in which it has come. */
  entries(): Entry[] {
    return this.#logs.after(new Map());
  }

  /** A server with recovery is here: from now on what it sends is numbered. */
  activate({ maxDisconnectionDuration }: Pick<ReplicaOptions, "maxDisconnectionDuration">): void {
    this.#options.maxDisconnectionDuration = Math.max(
      this.#options.maxDisconnectionDuration,
      maxDisconnectionDuration,
    );
    if (this.#catchUp !== undefined) return;
    for (const peer of this.#outside.peers()) this.#greet(peer);
    const { outside, marks } = { outside: this.#outside, marks: this.#marks };
    this.#catchUp = new CatchUp({
      id: outside.id,
      peers: () => outside.peers(),
      hasGreeted: (peer) => marks.has(peer),
      starts: () => [...marks].filter(([origin]) => origin !== outside.id),
      send: (to, message) => this.#send(to, message),
      now: () => outside.now(),
    });
    this.#stops.push(
      outside.every(LOOK, () => this.look()),
      outside.every(SWEEP, () => this.sweep()),
    );
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** Another worker is there. */
  met(peer: number): void {
    // It was told of this worker before it could send anything.
    if (peer > this.#outside.id && !this.#marks.has(peer)) this.#begin(peer, 0);
    if (this.#catchUp !== undefined) this.#greet(peer);
  }

  /** It is gone, and all that it has sent to this worker has been received. */
  gone(peer: number): void {
    this.#deaths.died(peer, this.#outside.peers(), this.#outside.now());
    const now = this.#outside.now();
    for (const session of this.#table.all) {
      if (session.owner === peer && session.disconnectedAt === undefined) {
        this.#table.set({ ...session, disconnectedAt: now });
      }
    }
    this.look();
  }

  receiveEntry(from: number, n: number, payload: Uint8Array): void {
    if (!this.#marks.has(from)) this.#begin(from, n - 1);
    this.#accept(from, n, payload);
  }

  receive(from: number, message: RecoveryMessage): void {
    switch (message.type) {
      case "hello":
        if (!this.#marks.has(from)) this.#meetLate(from, message.last);
        this.#greet(from);
        break;
      case "sessions":
        for (const session of message.sessions) this.#learn(session);
        this.#catchUp?.heard(from);
        break;
      case "have": {
        const { origin, last } = message;
        this.#deaths.has(from, origin, last, this.#outside.peers().includes(origin));
        break;
      }
      case "pass":
        this.#receivePart(message.part);
        break;
      case "claim": {
        const { id, pid } = message;
        const answer = (answer: ClaimAnswer) => this.#send(from, { type: "claimed", id, answer });
        this.#claim(pid, from, answer);
        break;
      }
      case "claimed":
        this.#restores.answered(from, message.id, message.answer);
        break;
      case "ask":
        if (this.#catchUp?.isDone) {
          this.#asking.push({ peer: from, starts: new Map(message.starts) });
          this.#tellAsking();
        } else {
          this.#send(from, { type: "refuse", isIdle: this.#catchUp === undefined });
        }
        break;
      case "refuse":
        this.#catchUp?.refused(from, message.isIdle);
        break;
      case "dead":
        this.#receiveDead(message.dead, message.expired);
        this.#catchUp?.heard(from);
        break;
      case "old":
        this.#receiveOld(message.part);
        this.#catchUp?.heard(from);
        break;
      case "told":
        this.#catchUp?.told(from);
        break;
    }
  }

  /** This worker sends something: numbers it, and gives it to all workers and its own clients. */
  emit(address: Address, payload: Uint8Array): void {
    this.#deliver(this.#append(address, payload), address);
  }

  /** What a client that gets something now has got then, as a text that it will send back. */
  offset(vector: Vector = this.#marks): string {
    const isKept = ({ origin, n }: { origin: number; n: number }) =>
      this.#logs.get(origin, n) !== undefined;
    return this.#offsets.of(vector, isKept);
  }

  /** A client of this worker is new. */
  open(pid: string, sid: string, nsp: string, rooms: Iterable<string>, data: Uint8Array): void {
    const born = this.#now();
    const { id: owner } = this.#outside;
    const session: Session = {
      ...{ pid, sid, nsp, owner, version: 1, born, stays: [], floor: new Map(), data },
      ...{ disconnectedAt: undefined, isOver: false },
    };
    this.#change(joined(session, rooms, born));
  }

  session(pid: string): Session | undefined {
    return this.#table.get(pid);
  }

  join(pid: string, rooms: Iterable<string>): void {
    this.#update(pid, (session) => joined(session, rooms, this.#now()));
  }

  leave(pid: string, room: string): void {
    this.#update(pid, (session) => left(session, room, this.#now()));
  }

  /** Its data have changed. */
  store(pid: string, data: Uint8Array): void {
    this.#update(pid, (session) => ({ ...session, data, version: session.version + 1 }));
  }

  /** Its connection is gone, and it may come back. */
  disconnected(pid: string): void {
    const disconnectedAt = this.#outside.now();
    this.#update(pid, (session) => ({ ...session, disconnectedAt, version: session.version + 1 }));
  }

  /** It does not come back. */
  over(pid: string): void {
    const disconnectedAt = this.#outside.now();
    this.#update(pid, (session) => ({
      ...{ ...session, stays: [], data: new Uint8Array(), isOver: true, disconnectedAt },
      version: session.version + 1,
    }));
  }

  /** A client has come back. */
  restore(
    pid: string,
    nsp: string,
    offset: string,
    done: (outcome: Outcome, restored?: Restored) => void,
  ): void {
    if (this.#pending.has(pid)) {
      done("taken");
      return;
    }
    this.#restores.start(pid, nsp, offset, (outcome, restored) => {
      if (restored !== undefined) this.#pending.set(pid, this.#outside.now());
      this.flushSessions();
      done(outcome, restored);
    });
  }

  /** A client that was restored is gone again before it was connected: it may come back. */
  abandoned(pid: string): void {
    this.#pending.delete(pid);
  }

  /**
   * A client that is restored is connected: gets what it has missed.
   *
   * @param give gets each message with the offset that goes with it
   * @returns whether all of it was there
   */
  resume(pid: string, from: Vector, give: (entry: Entry, offset: string) => void): boolean {
    const session = this.#table.get(pid);
    this.#pending.delete(pid);
    if (session?.owner !== this.#outside.id || session.isOver) return false;
    const at = new Map<number, number>();
    for (const origin of this.#logs.origins) {
      const n = from.get(origin) ?? 0;
      if (!this.#logs.covers(origin, n)) return false;
      at.set(origin, n);
    }
    const missed = this.#logs.after(from).filter((entry) => {
      const address = addressOf(entry);
      return address !== undefined && concerns(session, entry.origin, entry.n, address);
    });
    // From a checkpoint where this client is: what it gets is far behind where this worker is.
    const offsets = new Offsets((vector) => this.#writeCheckpoint(vector));
    for (const entry of missed) {
      at.set(entry.origin, entry.n);
      give(
        entry,
        offsets.of(at, () => true),
      );
    }
    this.#update(pid, (known) => ({
      ...known,
      disconnectedAt: undefined,
      version: known.version + 1,
    }));
    return true;
  }

  /** What changed in sessions is told, and is safe if this process is killed now. */
  flushSessions(): void {
    if (this.#dirty.size === 0) return;
    const sessions = [...this.#dirty.values()];
    this.#dirty = new Map();
    // Numbered as what clients get: it survives as that does, and whoever has that has it, too.
    this.#append(undefined, sessionsPayload(sessions));
  }

  look(): void {
    this.#catchUp?.look();
    this.#tellAsking();
    this.#restores.look();
  }

  sweep(): void {
    const now = this.#outside.now();
    for (const origin of this.#deaths.expire(now - this.#retention)) {
      this.#logs.drop(origin);
      this.#marks.delete(origin);
      this.#snapshot = undefined;
    }
    for (const [pid, since] of this.#pending) {
      if (since < now - UNNOTICED) this.#pending.delete(pid);
    }
    const { maxBytes } = this.#options;
    this.#forgottenSessions += this.#table.forget(this.#oldest(), maxBytes / SESSION_SHARE);
  }

  /** ms that what has ended can still matter to somebody. */
  get #retention(): number {
    return this.#options.maxDisconnectionDuration + UNNOTICED;
  }

  #oldest(): number {
    return this.#outside.now() - this.#options.maxDisconnectionDuration;
  }

  #begin(origin: number, last: number): void {
    this.#marks.set(origin, last);
    this.#logs.begin(origin, last);
    this.#snapshot = undefined;
  }

  /** What it sent before is not for the clients that are here already. */
  #meetLate(origin: number, last: number): void {
    this.#begin(origin, last);
    if (last === 0) return;
    for (const session of [...this.#table.all]) {
      if (session.owner !== this.#outside.id || session.born.has(origin)) continue;
      this.#update(session.pid, (known) => ({
        ...known,
        born: new Map(known.born).set(origin, last),
        version: known.version + 1,
      }));
    }
    this.flushSessions();
  }

  #greet(peer: number): void {
    if (this.#greeted.has(peer)) return;
    this.#greeted.add(peer);
    const last = this.#marks.get(this.#outside.id) ?? 0;
    this.#send(peer, { type: "hello", last });
  }

  #send(to: number, message: RecoveryMessage): void {
    this.#outside.send(to, message);
  }

  /** What was sent survives this process: one other worker will read it. */
  #secure(): void {
    const peers = this.#outside.peers();
    const { id } = this.#outside;
    // Each has another one: the next in the ring.
    const next = peers.find((peer) => peer > id) ?? peers[0];
    if (next !== undefined) this.#outside.flush(next);
  }

  #append(content: Entry["content"], payload: Uint8Array): Entry {
    const origin = this.#outside.id;
    this.flushSessions();
    const n = (this.#marks.get(origin) ?? 0) + 1;
    const entry: Entry = { origin, n, payload, content };
    for (const peer of this.#outside.peers()) {
      this.#greet(peer);
      this.#outside.sendEntry(peer, n, payload);
    }
    this.#secure();
    this.#keep(entry);
    return entry;
  }

  #keep(entry: Entry): void {
    this.#logs.append(entry);
    this.#marks.set(entry.origin, entry.n);
    this.#snapshot = undefined;
  }

  #writeCheckpoint(at: Vector): { origin: number; n: number; vector: Vector } {
    const vector = new Map(at);
    const { origin, n } = this.#append(vector, checkpointPayload(vector));
    return { origin, n, vector };
  }

  #deliver(entry: Entry, address: Address): void {
    this.#outside.deliver(entry, address);
  }

  /** The next message of an origin; one that was there already is passed over. */
  #accept(origin: number, n: number, payload: Uint8Array): void {
    const mark = this.#marks.get(origin) ?? 0;
    if (n <= mark) return;
    // A hole: what comes before it cannot be told to anybody any more.
    if (n > mark + 1) this.#begin(origin, n - 1);
    const entry = this.#read(origin, n, payload);
    this.#keep(entry);
    const address = addressOf(entry);
    if (address !== undefined) this.#deliver(entry, address);
    else if (isSessions(payload)) for (const session of readSessions(payload)) this.#learn(session);
  }

  #read(origin: number, n: number, payload: Uint8Array): Entry {
    if (isSessions(payload)) return { origin, n, payload, content: undefined };
    const content = isCheckpoint(payload) ? readCheckpoint(payload) : this.#outside.read(payload);
    return { origin, n, payload, content };
  }

  #receivePart({ origin, first, payloads }: Part): void {
    if (!this.#marks.has(origin)) return; // it was never to give any of it to its clients
    for (const [index, payload] of payloads.entries()) this.#accept(origin, first + index, payload);
  }

  #receiveOld({ origin, first, payloads }: Part): void {
    if (this.#catchUp?.isDone !== false) return;
    const entries = payloads.map((payload, index) => this.#read(origin, first + index, payload));
    this.#logs.prepend(origin, entries);
  }

  #receiveDead(dead: readonly [number, number][], expired: readonly number[]): void {
    for (const origin of expired) this.#deaths.wasExpired(origin);
    for (const [origin, last] of dead) {
      if (this.#marks.has(origin)) continue;
      this.#meetLate(origin, last);
      this.#deaths.wasDead(origin, this.#outside.now());
    }
  }

  #partAfter(origin: number, after: number): Part | undefined {
    const entries: Entry[] = [];
    for (let n = after + 1; ; n++) {
      const entry = this.#logs.get(origin, n);
      if (entry === undefined) break;
      entries.push(entry);
    }
    return partOf(entries);
  }

  /** A worker is told all as soon as this one has what that one counts on. */
  #tellAsking(): void {
    const now = this.#outside.now();
    const later: { peer: number; starts: Map<number, number> }[] = [];
    for (const asking of this.#asking.splice(0)) {
      const isBehind = [...asking.starts].some(
        ([origin, start]) =>
          !this.#deaths.isSettled(origin, now) && (this.#marks.get(origin) ?? 0) < start,
      );
      if (!this.#outside.peers().includes(asking.peer)) continue;
      if (isBehind || !this.isSettled) {
        later.push(asking);
      } else {
        const source = {
          ...{ table: this.#table, logs: this.#logs, deaths: this.#deaths },
          mark: (origin: number) => this.#marks.get(origin),
        };
        const send = (message: RecoveryMessage) => this.#send(asking.peer, message);
        tellAll(source, asking.starts, send, (act) => this.#outside.soon(act));
      }
    }
    this.#asking = later;
  }

  #now(): Vector {
    this.#snapshot ??= new Map(this.#marks);
    return this.#snapshot;
  }

  #update(pid: string, change: (session: Session) => Session): void {
    const session = this.#table.get(pid);
    if (session === undefined || session.owner !== this.#outside.id || session.isOver) return;
    const changed = change(session);
    if (changed !== session) this.#change(changed);
  }

  #change(session: Session): void {
    this.#table.set(session);
    this.#dirty.set(session.pid, session);
  }

  #learn(session: Session): void {
    const known = this.#table.get(session.pid);
    if (!isLater(session, known)) return;
    this.#table.set(session);
    const { id } = this.#outside;
    if (known?.owner === id && session.owner !== id && known.disconnectedAt === undefined) {
      this.#outside.yield(known);
    }
    if (session.disconnectedAt === undefined && this.#deaths.isDead(session.owner)) {
      this.#table.set({ ...session, disconnectedAt: this.#outside.now() });
    }
  }

  /** Somebody wants to restore a session, and this worker decides. */
  #claim(pid: string, to: number, answer: (answer: ClaimAnswer) => void): void {
    const session = this.#table.get(pid);
    const { id } = this.#outside;
    if (!this.isCaughtUp) answer("later");
    else if (session === undefined || session.isOver) answer("unknown");
    // Its worker lives, or what that one has told of it last may still be on the way.
    else if (session.owner !== id && this.#mayTell(session.owner)) answer("later");
    else if (session.owner === id && this.#isTaken(pid, to)) answer("refused");
    else if (session.owner === id && session.disconnectedAt === undefined) {
      this.#outside.probe(session, (isAlive) => {
        if (isAlive) {
          answer("refused");
          return;
        }
        if (this.#table.get(pid)?.disconnectedAt === undefined) this.disconnected(pid);
        this.#claim(pid, to, answer);
      });
    } else {
      const disconnectedAt = this.#outside.now();
      this.#change({ ...session, owner: to, disconnectedAt, version: session.version + 1 });
      this.flushSessions();
      answer("granted");
    }
  }

  #mayTell(owner: number): boolean {
    if (this.#outside.peers().includes(owner)) return true;
    return this.#deaths.isDead(owner) && !this.#deaths.isSettled(owner, this.#outside.now());
  }

  /** Somebody else than `to` is about to get it. */
  #isTaken(pid: string, to: number): boolean {
    return this.#pending.has(pid) || (to !== this.#outside.id && this.#restores.isOpen(pid));
  }

  #restoreSource() {
    const replica = this;
    return {
      id: this.#outside.id,
      table: this.#table,
      logs: this.#logs,
      deaths: this.#deaths,
      marks: this.#marks,
      get isCaughtUp() {
        return replica.isCaughtUp;
      },
      peers: () => this.#outside.peers(),
      now: () => this.#outside.now(),
      oldest: () => this.#oldest(),
      sendClaim: (to: number, id: number, pid: string) =>
        this.#send(to, { type: "claim", id, pid }),
      claimHere: (pid: string, to: number, answer: (answer: ClaimAnswer) => void) =>
        this.#claim(pid, to, answer),
      take: (session: Session) => {
        const taken = { ...session, owner: this.#outside.id, version: session.version + 1 };
        this.#change(taken);
        return taken;
      },
      over: (pid: string) => this.over(pid),
    };
  }
}
