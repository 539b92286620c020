import type { RecoveryVitals, RestoreOutcome } from "../../protocol/mesh-messages.js";
import { CatchUp } from "./catch-up.js";
import { Deaths } from "./deaths.js";
import type { Address, Entry } from "./log.js";
import type { ClaimAnswer, RecoveryMessage } from "./messages.js";
import type { Outside } from "./outside.js";
import { type Give, replay } from "./replay.js";
import { noOutcomes, type Restored, Restores } from "./restores.js";
import { Roster } from "./roster.js";
import type { Session } from "./sessions.js";
import { Stream } from "./stream.js";
import { tellAll } from "./teller.js";
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
  readonly roster: Roster;
  readonly #outside: Outside;
  readonly #options: ReplicaOptions;
  readonly #stream: Stream;
  readonly #deaths: Deaths;
  readonly #restores: Restores;
  readonly #greeted = new Set<number>();
  readonly #stops: (() => void)[] = [];
  /** `undefined`: no server here has recovery on; it only listens. */
  #catchUp: CatchUp | undefined;
  /** Workers that wait to be told all. */
  #asking: { peer: number; starts: Map<number, number> }[] = [];
  #forgottenSessions = 0;
  readonly #outcomes = noOutcomes();

  constructor(outside: Outside, options: ReplicaOptions) {
    this.#outside = outside;
    this.#options = { ...options };
    this.#stream = new Stream(outside, options.maxBytes, {
      beforeNumber: () => this.roster.flush(),
      beforeSend: (peer) => this.#greet(peer),
      onSessions: (sessions) => {
        for (const session of sessions) this.roster.learn(session);
      },
    });
    this.#deaths = new Deaths({
      mark: (origin) => this.#stream.marks.get(origin),
      tell: (to, origin, last) => outside.send(to, { type: "have", origin, last }),
      part: (origin, after) => this.#stream.partAfter(origin, after),
      pass: (to, part) => outside.send(to, { type: "pass", part }),
    });
    this.roster = new Roster(outside, this.#stream, this.#deaths);
    this.#restores = new Restores(this.#restoreSource());
    for (const peer of outside.peers()) this.met(peer);
  }

  get stats(): RecoveryVitals {
    const { bytes, forgotten } = this.#stream.logs;
    const { size: sessions } = this.roster.table;
    const [outcomes, forgottenSessions] = [{ ...this.#outcomes }, this.#forgottenSessions];
    return { outcomes, bytes, forgotten, sessions, forgottenSessions };
  }

  get isActive(): boolean {
    return this.#catchUp !== undefined;
  }

  /** Whether it knows what was before it. */
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
    return this.#stream.logs.after(new Map());
  }

  /** A server with recovery is here: from now on what it sends is numbered. */
  activate({ maxDisconnectionDuration, maxBytes }: ReplicaOptions): void {
    const options = this.#options;
    const isFirst = this.#catchUp === undefined;
    options.maxDisconnectionDuration = Math.max(
      isFirst ? 0 : options.maxDisconnectionDuration,
      maxDisconnectionDuration,
    );
    // Of several servers what is more: they share it.
    options.maxBytes = Math.max(isFirst ? 0 : options.maxBytes, maxBytes);
    this.#stream.logs.maxBytes = options.maxBytes;
    if (!isFirst) return;
    const outside = this.#outside;
    const { marks, logs } = this.#stream;
    for (const peer of outside.peers()) this.#greet(peer);
    this.#catchUp = new CatchUp({
      id: outside.id,
      peers: () => outside.peers(),
      hasGreeted: (peer) => marks.has(peer),
      starts: () =>
        [...marks.keys()]
          .filter((origin) => origin !== outside.id)
          .map((origin) => [origin, logs.before(origin)]),
      send: (to, message) => outside.send(to, message),
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
    if (peer > this.#outside.id && !this.#stream.marks.has(peer)) this.#stream.begin(peer, 0);
    if (this.#catchUp !== undefined) this.#greet(peer);
  }

  /** It is gone, and all that it has sent to this worker has been received. */
  gone(peer: number): void {
    this.#deaths.died(peer, this.#outside.peers(), this.#outside.now());
    this.roster.lost(peer);
    this.look();
  }

  receiveEntry(from: number, n: number, payload: Uint8Array): void {
    if (!this.#stream.marks.has(from)) this.#stream.begin(from, n - 1);
    this.#stream.accept(from, n, payload);
  }

  receive(from: number, message: RecoveryMessage): void {
    switch (message.type) {
      case "hello":
        if (!this.#stream.marks.has(from)) this.#meetLate(from, message.last);
        this.#greet(from);
        break;
      case "have": {
        const { origin, last } = message;
        this.#deaths.has(from, origin, last, this.#outside.peers().includes(origin));
        break;
      }
      case "pass":
        this.#stream.acceptPart(message.part);
        break;
      case "claim":
        this.#claim(message.pid, from, (answer) =>
          this.#outside.send(from, { type: "claimed", id: message.id, answer }),
        );
        break;
      case "claimed":
        this.#restores.answered(from, message.id, message.answer);
        break;
      case "ask":
        if (this.isCaughtUp) {
          this.#asking.push({ peer: from, starts: new Map(message.starts) });
          this.#tellAsking();
        } else {
          this.#outside.send(from, { type: "refuse", isIdle: this.#catchUp === undefined });
        }
        break;
      case "refuse":
        this.#catchUp?.refused(from, message.isIdle);
        break;
      default:
        this.#learn(from, message);
    }
  }

  /** This worker sends something: numbers it, and gives it to all workers and its own clients. */
  emit(address: Address, payload: Uint8Array): void {
    this.#stream.emit(address, payload);
  }

  /** What a client that gets something now has got then, as a text that it will send back. */
  offset(): string {
    return this.#stream.offset();
  }

  session(pid: string): Session | undefined {
    return this.roster.table.get(pid);
  }

  /** A client has come back. */
  restore(
    pid: string,
    nsp: string,
    offset: string,
    done: (outcome: RestoreOutcome, restored?: Restored) => void,
  ): void {
    if (this.roster.isPending(pid)) {
      this.#outcomes.taken++;
      done("taken");
      return;
    }
    this.#restores.start(pid, nsp, offset, (outcome, restored) => {
      this.#outcomes[outcome]++;
      if (restored !== undefined) this.roster.expect(pid);
      this.roster.flush();
      done(outcome, restored);
    });
  }

  /**
   * A client that was restored is connected: gets what it has missed.
   *
   * @param give gets each message with the offset that goes with it
   * @returns whether all of it was there
   */
  resume(pid: string, from: Vector, give: Give): boolean {
    const session = this.session(pid);
    if (session?.owner !== this.#outside.id || session.isOver) return false;
    if (!replay(this.#stream, session, from, give)) return false;
    this.roster.connected(pid);
    return true;
  }

  look(): void {
    this.#catchUp?.look();
    this.#tellAsking();
    this.#restores.look();
  }

  sweep(): void {
    const now = this.#outside.now();
    const retention = this.#options.maxDisconnectionDuration + UNNOTICED;
    for (const origin of this.#deaths.expire(now - retention)) this.#stream.forget(origin);
    this.roster.forgetPending(now - UNNOTICED);
    const maxBytes = this.#options.maxBytes / SESSION_SHARE;
    this.#forgottenSessions += this.roster.table.forget(this.#oldest(), maxBytes);
  }

  #oldest(): number {
    return this.#outside.now() - this.#options.maxDisconnectionDuration;
  }

  #meetLate(origin: number, last: number): void {
    this.#stream.begin(origin, last);
    if (last > 0) this.roster.notFor(origin, last);
  }

  #greet(peer: number): void {
    if (this.#greeted.has(peer)) return;
    this.#greeted.add(peer);
    const last = this.#stream.marks.get(this.#outside.id) ?? 0;
    this.#outside.send(peer, { type: "hello", last });
  }

  #claim(pid: string, to: number, answer: (answer: ClaimAnswer) => void): void {
    if (this.isCaughtUp) this.roster.claim(pid, to, this.#restores.isOpen(pid), answer);
    else answer("later");
  }

  /** What was before this worker. */
  #learn(from: number, message: RecoveryMessage): void {
    const catchUp = this.#catchUp;
    if (catchUp === undefined || catchUp.isDone) return;
    catchUp.heard(from);
    if (message.type === "sessions") {
      for (const session of message.sessions) this.roster.learn(session);
    } else if (message.type === "dead") {
      for (const origin of message.expired) this.#deaths.wasExpired(origin);
      for (const [origin, last] of message.dead) {
        if (this.#stream.marks.has(origin)) continue;
        this.#meetLate(origin, last);
        this.#deaths.wasDead(origin, this.#outside.now());
      }
    } else if (message.type === "old") {
      this.#stream.prepend(message.part);
    } else if (message.type === "told") {
      catchUp.told(from);
    }
  }

  /** A worker is told all as soon as this one has what that one counts on. */
  #tellAsking(): void {
    const now = this.#outside.now();
    const { marks, logs } = this.#stream;
    for (const asking of this.#asking.splice(0)) {
      if (!this.#outside.peers().includes(asking.peer)) continue;
      const isBehind = [...asking.starts].some(
        ([origin, start]) =>
          (marks.get(origin) ?? 0) < start && !this.#deaths.isSettled(origin, now),
      );
      if (isBehind || !this.isSettled) {
        this.#asking.push(asking);
        continue;
      }
      const mark = (origin: number) => marks.get(origin);
      tellAll(
        { table: this.roster.table, logs, deaths: this.#deaths, mark },
        asking.starts,
        (message) => this.#outside.send(asking.peer, message),
        (act) => this.#outside.soon(act),
      );
    }
  }

  #restoreSource(): ConstructorParameters<typeof Restores>[0] {
    const { roster } = this;
    const outside = this.#outside;
    return {
      id: outside.id,
      table: roster.table,
      logs: this.#stream.logs,
      deaths: this.#deaths,
      marks: this.#stream.marks,
      isCaughtUp: () => this.isCaughtUp,
      peers: () => outside.peers(),
      now: () => outside.now(),
      oldest: () => this.#oldest(),
      sendClaim: (to, id, pid) => outside.send(to, { type: "claim", id, pid }),
      claimHere: (pid, to, answer) => this.#claim(pid, to, answer),
      take: (session) => roster.take(session),
      over: (pid) => roster.over(pid),
    };
  }
}
