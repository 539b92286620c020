import type { Peer } from "./peer.js";

/** ms between two looks at a worker for which too much waits. */
const LOOK = 100;

/** How long a worker may read nothing at all beyond the bound (ms). */
const PATIENCE = 3_000;

/** So many times the bound, patience is shorter, and reading has to be faster than what comes. */
const HARD = 4;

/** How long it may read nothing beyond that (ms). */
const HARD_PATIENCE = 1_000;

/** After so long beyond that, less has to wait than before (ms). */
const CATCH_UP = 5_000;

/** What is known of a worker for which too much waits. */
interface Watch {
  progress: number;
  /** Looks since it has read something. */
  idle: number;
  /** Looks since it is far beyond the bound, and what waited then. */
  far: number;
  farWaiting: number;
}

/**
 * Watches how much waits for other workers (B2). Progress decides, not size: one turn may produce
 * any amount for a worker that reads, and nobody is looked at before the loop has turned.
 *
 * A worker is given up when it reads nothing for 3 s beyond the bound, or for 1 s beyond four times
 * the bound; and when it reads, but has not caught up at all in 5 s beyond four times the bound.
 * Time is counted in looks, so that none passes while this process is busy itself.
 */
export class QueueGuard {
  readonly #maxQueue: number;
  readonly #giveUp: (peer: Peer, why: string) => void;
  readonly #interval: number;
  readonly #watched = new Map<Peer, Watch>();
  #timer: NodeJS.Timeout | undefined;

  /** @param interval between two looks (ms) */
  constructor(maxQueue: number, giveUp: (peer: Peer, why: string) => void, interval = LOOK) {
    this.#maxQueue = maxQueue;
    this.#giveUp = giveUp;
    this.#interval = interval;
  }

  check(peer: Peer): void {
    if (peer.isClosed || this.#watched.has(peer) || peer.waiting <= this.#maxQueue) return;
    this.#watched.set(peer, { progress: peer.progress, idle: 0, far: 0, farWaiting: 0 });
    this.#timer ??= setTimeout(this.#look, this.#interval).unref();
  }

  readonly #look = (): void => {
    // What has come meanwhile is read first: a timer that is late comes before it.
    setImmediate(() => {
      for (const [peer, watch] of this.#watched) this.#judge(peer, watch);
      this.#timer =
        this.#watched.size === 0 ? undefined : setTimeout(this.#look, this.#interval).unref();
    });
  };

  #judge(peer: Peer, watch: Watch): void {
    const { waiting, progress } = peer;
    if (peer.isClosed || waiting <= this.#maxQueue) {
      this.#watched.delete(peer);
      return;
    }
    watch.idle = progress === watch.progress ? watch.idle + 1 : 0;
    watch.progress = progress;
    const isFar = waiting > HARD * this.#maxQueue;
    if (!isFar) watch.far = 0;
    else if (watch.far++ === 0) watch.farWaiting = waiting;
    const why =
      watch.idle * LOOK >= (isFar ? HARD_PATIENCE : PATIENCE)
        ? `does not read the ${waiting} bytes that wait for it`
        : watch.far * LOOK > CATCH_UP && waiting >= watch.farWaiting
          ? `reads more slowly than others write, and ${waiting} bytes wait for it`
          : undefined;
    if (watch.far * LOOK > CATCH_UP) watch.far = 0; // and once more
    if (why === undefined) return;
    this.#watched.delete(peer);
    this.#giveUp(peer, why);
  }
}
