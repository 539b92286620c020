import type { RecoveryMessage } from "./messages.js";

/** How long others may take to greet, and to tell (ms). */
const PATIENCE = 2_000;

export interface CatchUpListener {
  readonly id: number;
  peers(): number[];
  /** Whether it has said hello. */
  hasGreeted(peer: number): boolean;
  starts(): [number, number][];
  send(to: number, message: RecoveryMessage): void;
  now(): number;
}

/**
 * A worker that is new learns from an older one what was before it: sessions, logs, and who is
 * gone. Until it has, it restores nobody.
 */
export class CatchUp {
  readonly #listener: CatchUpListener;
  readonly #begun: number;
  readonly #first: readonly number[];
  /** Those that cannot tell, and whether that is since they take no part. */
  readonly #refused = new Map<number, boolean>();
  #asked: { peer: number; at: number } | undefined;
  #isDone = false;

  constructor(listener: CatchUpListener) {
    this.#listener = listener;
    this.#begun = listener.now();
    this.#first = listener.peers();
    this.look();
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** To be called again and again. */
  look(): void {
    if (this.#isDone) return;
    const peers = this.#listener.peers();
    const now = this.#listener.now();
    const isWaiting = this.#first.some(
      (peer) => peers.includes(peer) && !this.#listener.hasGreeted(peer),
    );
    if (isWaiting && now - this.#begun < PATIENCE) return;
    const asked = this.#asked;
    if (asked !== undefined && peers.includes(asked.peer) && now - asked.at < PATIENCE) return;
    if (asked !== undefined) this.#refused.set(asked.peer, false);
    this.#asked = undefined;
    const next = peers.find((peer) => !this.#refused.has(peer));
    if (next !== undefined) {
      this.#asked = { peer: next, at: now };
      this.#listener.send(next, { type: "ask", starts: this.#listener.starts() });
      return;
    }
    // Of those that all know nothing the oldest goes first: there is nobody left who knows more.
    const others = peers.filter((peer) => this.#refused.get(peer) === false);
    if (others.every((peer) => peer > this.#listener.id)) this.#isDone = true;
    else for (const peer of others) this.#refused.delete(peer);
  }

  refused(from: number, isIdle: boolean): void {
    if (this.#asked?.peer !== from) return;
    this.#refused.set(from, isIdle);
    this.#asked = undefined;
  }

  /** Something of what was asked for has come. */
  heard(from: number): void {
    if (this.#asked?.peer === from) this.#asked.at = this.#listener.now();
  }

  told(from: number): void {
    if (this.#asked?.peer === from) this.#isDone = true;
  }
}
