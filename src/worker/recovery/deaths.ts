import type { Part } from "./messages.js";

/** After so long those that have not answered are not waited for (ms). */
const PATIENCE = 1_000;

interface Death {
  readonly at: number;
  /** Who has to say how much it has. */
  readonly waiting: Set<number>;
  /** The most that one of them has said to have. */
  most: number;
}

export interface DeathsListener {
  /** How far this worker is with that origin; `undefined`: it never knew it. */
  mark(origin: number): number | undefined;
  tell(to: number, origin: number, last: number): void;
  /** What it lacks of an origin; nothing when that is forgotten. */
  part(origin: number, after: number): Part | undefined;
  pass(to: number, part: Part): void;
}

/**
 * Workers that are gone. What one of them had sent to only some is passed on by those: each tells
 * how much it has, and who has more gives it. Settled when nobody who was there has more.
 */
export class Deaths {
  readonly #listener: DeathsListener;
  readonly #dead = new Map<number, Death>();
  readonly #expired = new Set<number>();
  /** Told by those who have heard of a death before this worker has. */
  readonly #early = new Map<number, [from: number, last: number][]>();

  constructor(listener: DeathsListener) {
    this.#listener = listener;
  }

  get all(): Iterable<number> {
    return this.#dead.keys();
  }

  get expired(): Iterable<number> {
    return this.#expired;
  }

  isDead(origin: number): boolean {
    return this.#dead.has(origin);
  }

  isExpired(origin: number): boolean {
    return this.#expired.has(origin);
  }

  died(origin: number, peers: readonly number[], now: number): void {
    for (const { waiting } of this.#dead.values()) waiting.delete(origin);
    if (this.#dead.has(origin)) return;
    const last = this.#listener.mark(origin) ?? 0;
    this.#dead.set(origin, { at: now, waiting: new Set(peers), most: last });
    for (const peer of peers) this.#listener.tell(peer, origin, last);
    const early = this.#early.get(origin) ?? [];
    this.#early.delete(origin);
    for (const [from, has] of early) this.has(from, origin, has, false);
  }

  /** Others know of it already, and have settled it. */
  wasDead(origin: number, now: number): void {
    if (this.#dead.has(origin)) return;
    this.#dead.set(origin, { at: now, waiting: new Set(), most: 0 });
  }

  wasExpired(origin: number): void {
    this.#expired.add(origin);
  }

  /** @param isPeer whether the origin lives, as far as this worker knows */
  has(from: number, origin: number, last: number, isPeer: boolean): void {
    const death = this.#dead.get(origin);
    if (death === undefined) {
      if (isPeer) this.#early.set(origin, [...(this.#early.get(origin) ?? []), [from, last]]);
      // It asks each that it knew then. Whoever has never known it has nothing to tell, and an
      // answer of nothing is not answered.
      else if (last > 0) this.#listener.tell(from, origin, 0);
      return;
    }
    death.waiting.delete(from);
    death.most = Math.max(death.most, last);
    const part = this.#listener.part(origin, last);
    if (part !== undefined) this.#listener.pass(from, part);
  }

  isSettled(origin: number, now: number): boolean {
    const death = this.#dead.get(origin);
    if (death === undefined) return false;
    if (now - death.at > PATIENCE) return true;
    return death.waiting.size === 0 && (this.#listener.mark(origin) ?? 0) >= death.most;
  }

  /** @returns those that nobody can miss anything of any more */
  expire(before: number): number[] {
    const expired = [...this.#dead].filter(([, { at }]) => at < before).map(([origin]) => origin);
    for (const origin of expired) {
      this.#dead.delete(origin);
      this.#expired.add(origin);
    }
    return expired;
  }
}
