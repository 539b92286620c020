import type { Peer } from "./peer.js";

/** ms between two looks at a worker for which too much waits. */
const LOOK = 100;

/** How long a worker may read nothing at all beyond the bound (ms). */
const PATIENCE = 300;

/** After so long beyond the bound, less has to wait than before (ms). */
const CATCH_UP_TIMEOUT = 1_000;

/** What is known of a worker for which too much waits. */
interface Watch {
  progress: number;
  /** Looks since it has read something. */
  idle: number;
  /** Looks since the first one, or since it was found to get less; and what waited then. */
  looks: number;
  waiting: number;
}

/**
 * Watches how much waits for other workers (B2). One turn may produce any amount for a worker that
 * reads, and nobody is looked at before the loop has turned: so beyond the bound it is decided by
 * whether it gets less.
 *
 * A worker is given up when it reads nothing for 0.3 s beyond the bound; and when it reads, but
 * after 1 s beyond the bound not less waits than before. So what waits is the bound, and what others
 * say in a second, or in one turn. Time is counted in looks, so that none passes while this process
 * is busy itself.
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
    this.#watched.set(peer, { progress: peer.progress, idle: 0, looks: 0, waiting: 0 });
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
    if (watch.looks++ === 0) watch.waiting = waiting;
    const isOver = watch.looks * LOOK > CATCH_UP_TIMEOUT;
    const megabytes = `${Math.round(waiting / 1024 / 1024)} MB`;
    if (watch.idle * LOOK >= PATIENCE) {
      this.#end(peer, `does not read the ${megabytes} that wait for it (maxQueue)`);
    } else if (isOver && waiting >= watch.waiting) {
      const how = "reads more slowly than others write";
      this.#end(peer, `${how}: ${megabytes} wait for it (maxQueue)`);
    } else if (isOver) {
      watch.looks = 0; // and once more
    }
  }

  #end(peer: Peer, why: string): void {
    this.#watched.delete(peer);
    this.#giveUp(peer, why);
  }
}
