/** How many connections may wait; others are routed at once. */
export const MAX_SESSION_WAITERS = 10_000;

/** How long a connection may wait for news of its session (ms). */
const PATIENCE = 250;

/**
 * Connections whose sid nobody has announced yet.
 *
 * Only for workers with `setupWorker()` of `@socket.io/sticky`: ours forward a request that is not
 * their own, so it may go anywhere at once. Theirs would answer "Session ID unknown" to a client
 * that was faster than the worker's notice.
 */
export class SessionWaiters {
  readonly #waiting = new Map<string, Set<() => void>>();
  #count = 0;

  /** Calls `then` once: when `sid` is announced, or when that takes too long. */
  wait(sid: string, then: () => void): void {
    if (this.#count >= MAX_SESSION_WAITERS) {
      then();
      return;
    }
    this.#count++;
    const waiting = this.#waiting.get(sid) ?? new Set();
    this.#waiting.set(sid, waiting);
    const go = (): void => {
      clearTimeout(timer);
      if (!waiting.delete(go)) return;
      this.#count--;
      then();
      if (waiting.size === 0 && this.#waiting.get(sid) === waiting) this.#waiting.delete(sid);
    };
    const timer = setTimeout(go, PATIENCE);
    waiting.add(go);
  }

  announced(sid: string): void {
    for (const go of [...(this.#waiting.get(sid) ?? [])]) go();
  }
}
