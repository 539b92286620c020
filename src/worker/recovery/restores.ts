import { RESTORE_OUTCOMES, type RestoreOutcome } from "../../protocol/mesh-messages.js";
import type { Deaths } from "./deaths.js";
import type { Logs } from "./log.js";
import type { ClaimAnswer } from "./messages.js";
import type { SessionTable } from "./session-table.js";
import type { Session } from "./sessions.js";
import { furthest, readOffset, type Vector, vectorOf } from "./vector.js";

/** How long a restore may wait for what others have to tell (ms). Beyond: the client starts anew. */
const RESTORE_TIMEOUT = 4_000;

/** Restores that may be under way. Beyond: the client starts anew. */
const MAX_RESTORES = 20_000;

/** A count for each outcome. */
export function noOutcomes(): Record<RestoreOutcome, number> {
  const counts = RESTORE_OUTCOMES.map((outcome) => [outcome, 0]);
  return Object.fromEntries(counts) as Record<RestoreOutcome, number>;
}

export interface Restored {
  readonly session: Session;
  /** What the client has got. */
  readonly from: Vector;
}

export interface RestoreSource {
  readonly id: number;
  readonly table: SessionTable;
  readonly logs: Logs;
  readonly deaths: Deaths;
  isCaughtUp(): boolean;
  readonly marks: Vector;
  peers(): number[];
  now(): number;
  oldest(): number;
  sendClaim(to: number, id: number, pid: string): void;
  /** The same for one that this worker decides on. */
  claimHere(pid: string, to: number, answer: (answer: ClaimAnswer) => void): void;
  /** It is ours now. */
  take(session: Session): Session;
  over(pid: string): void;
}

interface Restore {
  readonly pid: string;
  readonly nsp: string;
  readonly offset: string;
  readonly until: number;
  readonly done: (outcome: RestoreOutcome, restored?: Restored) => void;
  /** What the client says that it has got, and whom the session was asked of. */
  claim: { id: number; of: number; vector: Vector } | undefined;
  /** The session is ours, and the client has got so much. */
  granted: Vector | undefined;
}

/** "Not yet": asked again in a moment. */
type Decision = RestoreOutcome | "wait" | { vector: Vector };

/** Clients that come back to this worker. */
export class Restores {
  readonly #source: RestoreSource;
  readonly #open = new Map<string, Restore>();
  #lastClaim = 0;

  constructor(source: RestoreSource) {
    this.#source = source;
  }

  isOpen(pid: string): boolean {
    return this.#open.has(pid);
  }

  start(pid: string, nsp: string, offset: string, done: Restore["done"]): void {
    if (this.#open.has(pid)) {
      done("taken");
      return;
    }
    if (this.#open.size >= MAX_RESTORES) {
      done("full");
      return;
    }
    const until = this.#source.now() + RESTORE_TIMEOUT;
    const restore: Restore = {
      pid,
      nsp,
      offset,
      until,
      done,
      claim: undefined,
      granted: undefined,
    };
    this.#open.set(pid, restore);
    this.#go(restore);
  }

  /** To be called again and again. */
  look(): void {
    for (const restore of [...this.#open.values()]) {
      if (this.#source.now() > restore.until) this.#end(restore, "timeout");
      else this.#go(restore);
    }
  }

  answered(from: number, id: number, answer: ClaimAnswer): void {
    for (const restore of this.#open.values()) {
      if (restore.claim?.id !== id || restore.claim.of !== from) continue;
      this.#answered(restore, restore.claim.vector, answer);
      return;
    }
  }

  #go(restore: Restore): void {
    const source = this.#source;
    if (restore.granted !== undefined) {
      this.#finish(restore, restore.granted);
      return;
    }
    if (restore.claim !== undefined) {
      const { of } = restore.claim;
      if (of === source.id || source.peers().includes(of)) return;
      restore.claim = undefined; // whoever was asked is gone
    }
    const decision = this.#decide(restore);
    if (decision === "wait") return;
    if (typeof decision === "string") {
      this.#end(restore, decision);
      return;
    }
    const { owner } = source.table.get(restore.pid) ?? { owner: -1 };
    const everybody = [source.id, ...source.peers()];
    // One decides, so that nobody else gets it (V6): its worker, or else the oldest that there is.
    const of = everybody.includes(owner) ? owner : Math.min(...everybody);
    const id = ++this.#lastClaim;
    const { vector } = decision;
    restore.claim = { id, of, vector };
    if (of !== source.id) {
      source.sendClaim(of, id, restore.pid);
      return;
    }
    source.claimHere(restore.pid, source.id, (answer) => {
      if (restore.claim?.id === id) this.#answered(restore, vector, answer);
    });
  }

  #decide({ pid, nsp, offset }: Restore): Decision {
    const source = this.#source;
    if (!source.isCaughtUp()) return "wait";
    // Of one that has not greeted nobody can say what it has sent.
    if (!source.peers().every((peer) => source.marks.has(peer))) return "wait";
    const vector = offset === "" ? new Map<number, number>() : this.#vectorOf(offset);
    if (vector === "wait" || typeof vector === "string") return vector;
    for (const [origin, n] of vector) {
      const mark = source.marks.get(origin);
      const isKnown = mark !== undefined || source.deaths.isExpired(origin);
      if (!isKnown && !this.#mayGrow(origin)) return "forgotten";
      if ((mark ?? 0) >= n) continue;
      // The client was faster than what its worker has sent to this one.
      if (this.#mayGrow(origin)) return "wait";
      // Its worker died, and with it whoever had the last of it: nobody knows what that was.
      if (source.deaths.isDead(origin)) return "forgotten";
    }
    const session = source.table.get(pid);
    // A worker tells of a session before its client gets the first offset.
    if (session === undefined || session.isOver || session.nsp !== nsp) return "unknown";
    if ((session.disconnectedAt ?? source.now()) < source.oldest()) return "unknown";
    return { vector };
  }

  #vectorOf(offset: string): Vector | "wait" | "offset" | "forgotten" {
    const read = readOffset(offset);
    if (read === undefined) return "offset";
    const { marks, logs } = this.#source;
    const entry = logs.get(read.origin, read.n);
    if (entry === undefined) {
      if ((marks.get(read.origin) ?? 0) < read.n && this.#mayGrow(read.origin)) return "wait";
      return "forgotten";
    }
    if (!(entry.content instanceof Map)) return "offset";
    return vectorOf(read, entry.content) ?? "offset";
  }

  #isLive(origin: number): boolean {
    return origin === this.#source.id || this.#source.peers().includes(origin);
  }

  /** Whether more of it may come. */
  #mayGrow(origin: number): boolean {
    const { deaths, id, now } = this.#source;
    if (origin === id) return false;
    if (deaths.isDead(origin)) return !deaths.isSettled(origin, now());
    // One that is newer than all that are known: the client was faster than word of it.
    return this.#isLive(origin) || origin > Math.max(id, ...this.#source.marks.keys());
  }

  #answered(restore: Restore, vector: Vector, answer: ClaimAnswer): void {
    const source = this.#source;
    restore.claim = undefined;
    if (answer === "later") return; // asked again in a moment
    if (answer === "refused") this.#end(restore, "taken");
    else if (answer === "unknown" || source.table.get(restore.pid) === undefined) {
      this.#end(restore, "unknown");
    } else {
      restore.granted = vector;
      this.#finish(restore, vector);
    }
  }

  #finish(restore: Restore, vector: Vector): void {
    const source = this.#source;
    const session = source.table.get(restore.pid);
    if (session === undefined) {
      this.#end(restore, "unknown");
      return;
    }
    // Its rooms are those of a worker that may be further than this one: what comes until then was
    // for the rooms that it had before.
    if (!this.#isAsFarAs(session)) return;
    const from = furthest(vector, session.born);
    if (this.#isWhole(session, from)) {
      this.#end(restore, "recovered", { session: source.take(session), from });
    } else {
      source.over(restore.pid);
      this.#end(restore, "forgotten");
    }
  }

  #isAsFarAs({ born, stays }: Session): boolean {
    const isReached = (vector: Vector | undefined): boolean => {
      for (const [origin, n] of vector ?? []) {
        if ((this.#source.marks.get(origin) ?? 0) < n && this.#mayGrow(origin)) return false;
      }
      return true;
    };
    return isReached(born) && stays.every(({ from, to }) => isReached(from) && isReached(to));
  }

  /** Whether all is there that the client may have missed (V2). */
  #isWhole(session: Session, from: Vector): boolean {
    for (const origin of this.#source.logs.origins) {
      const n = from.get(origin) ?? 0;
      if (!this.#source.logs.covers(origin, n) || n < (session.floor.get(origin) ?? 0))
        return false;
    }
    return true;
  }

  #end(restore: Restore, outcome: RestoreOutcome, restored?: Restored): void {
    this.#open.delete(restore.pid);
    restore.done(outcome, restored);
  }
}
