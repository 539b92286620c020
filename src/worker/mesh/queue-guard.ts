import type { Peer } from "./peer.js";

/** How long a worker may read nothing while more waits for it than may (ms). */
const PATIENCE = 1_000;

/** So many times the bound is never exceeded, not even for those who read. */
const HARD = 4;

/**
 * Watches how much waits for other workers (B2). One turn may produce more than the bound for a
 * worker that is only busy; so it is given up when it reads nothing for a second beyond the bound,
 * and at four times the bound in any case.
 */
export class QueueGuard {
  readonly #maxQueue: number;
  readonly #giveUp: (peer: Peer) => void;
  readonly #watched = new Set<Peer>();

  constructor(maxQueue: number, giveUp: (peer: Peer) => void) {
    this.#maxQueue = maxQueue;
    this.#giveUp = giveUp;
  }

  check(peer: Peer): void {
    const { waiting } = peer;
    if (waiting <= this.#maxQueue) return;
    if (waiting > HARD * this.#maxQueue) this.#giveUp(peer);
    else if (!this.#watched.has(peer)) this.#watch(peer);
  }

  #watch(peer: Peer): void {
    this.#watched.add(peer);
    const before = leftFor(peer);
    setTimeout(() => {
      this.#watched.delete(peer);
      if (peer.isClosed || peer.waiting <= this.#maxQueue) return;
      if (leftFor(peer) === before) this.#giveUp(peer);
      else this.#watch(peer);
    }, PATIENCE).unref();
  }
}

const leftFor = ({ lanes }: Peer): number => lanes.news.left + lanes.data.left;
