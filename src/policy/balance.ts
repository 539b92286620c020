/** Which ready worker gets a new session. Pure: the caller passes ready workers only. */

export const LOAD_BALANCING_METHODS = ["least-connection", "round-robin", "random"] as const;

/**
 * - `"least-connection"`: the one with the fewest sessions, those on their way included
 * - `"round-robin"`: each in turn
 * - `"random"`: any
 */
export type LoadBalancingMethod = (typeof LOAD_BALANCING_METHODS)[number];

export interface Candidate {
  /** Open sessions plus reservations. */
  load: number;
  /** A number that grows with every pick; breaks ties so that equals take turns. */
  lastPicked: number;
}

/**
 * @param candidates ready workers; an empty list gives `undefined`
 * @param random a number in [0, 1), for tests
 */
export function pickWorker<T extends Candidate>(
  candidates: readonly T[],
  method: LoadBalancingMethod,
  random: () => number = Math.random,
): T | undefined {
  if (method === "random") return candidates[Math.floor(random() * candidates.length)];
  let best: T | undefined;
  for (const candidate of candidates) {
    if (best === undefined || isBetter(candidate, best, method)) best = candidate;
  }
  return best;
}

function isBetter(a: Candidate, b: Candidate, method: LoadBalancingMethod): boolean {
  if (method === "least-connection" && a.load !== b.load) return a.load < b.load;
  return a.lastPicked < b.lastPicked;
}

/** How far above the least loaded worker's load one may be and still keep a session. */
const KEEP_MARGIN = { sessions: 2, share: 0.02 } as const;

/**
 * Whether a worker that has a handshake on one of its connections should open the session itself.
 * To move it costs a forwarded request, so it moves only when the balance needs it.
 */
export function keepsSession(own: number, others: readonly number[]): boolean {
  const least = Math.min(own, ...others);
  return own - least <= Math.max(KEEP_MARGIN.sessions, least * KEEP_MARGIN.share);
}

/** How long a dispatched handshake counts as load while nothing is heard of it (ms). */
export const RESERVATION_TIMEOUT = 5_000;

/**
 * Handshakes on their way to one worker. Load has to count at dispatch: in a burst, all of it
 * would land on one worker otherwise, since sessions are announced only later.
 */
export class Reservations {
  /** Times of dispatch, oldest first; entries before `#head` are released. */
  #times: number[] = [];
  #head = 0;

  /** @param now ms of a monotonic clock */
  add(now: number): void {
    this.#times.push(now);
  }

  /** A session opened or was refused: the oldest reservation has served. */
  release(count = 1): void {
    this.#head = Math.min(this.#head + count, this.#times.length);
    this.#compact();
  }

  count(now: number): number {
    while ((this.#times[this.#head] ?? Number.POSITIVE_INFINITY) <= now - RESERVATION_TIMEOUT) {
      this.#head++;
    }
    this.#compact();
    return this.#times.length - this.#head;
  }

  #compact(): void {
    if (this.#head < 64 || this.#head * 2 < this.#times.length) return;
    this.#times = this.#times.slice(this.#head);
    this.#head = 0;
  }
}
