/**
 * Where a client's next connection should go when the primary cannot read it (TLS): to the worker
 * in which a session of the same address opened last, since that is the session it is likely for.
 * If it is not, nothing breaks: the worker forwards. Pure: time is an argument.
 */

/** Sessions of one address that are remembered: behind one address there may be many clients. */
export const PER_ADDRESS = 16;
/** Addresses that are remembered; beyond, the one that was seen longest ago is forgotten. */
export const MAX_ADDRESSES = 10_000;
/** ms after the last connection of an address. */
const FORGET_AFTER = 120_000;
/** ms within which a session's next connection is expected: its client is opening it now. */
const EXPECTED_WITHIN = 10_000;

interface Recent<W> {
  /** Workers of sessions whose next connection has not come yet; the latest last. */
  expected: { readonly worker: W; readonly since: number }[];
  /** Workers of all recent sessions, in the order in which they take turns. */
  known: W[];
  lastSeen: number;
}

export class ClientAffinity<W> {
  /** By address; the one that was seen longest ago first. */
  readonly #recent = new Map<string, Recent<W>>();

  get size(): number {
    return this.#recent.size;
  }

  /** A session of `address` opens in `worker`. */
  note(address: string, worker: W, now: number): void {
    const recent = this.#take(address, now) ?? { expected: [], known: [], lastSeen: now };
    recent.expected = [...recent.expected, { worker, since: now }].slice(-PER_ADDRESS);
    recent.known = [...recent.known, worker].slice(-PER_ADDRESS);
    this.#put(address, recent, now);
    if (this.#recent.size > MAX_ADDRESSES) {
      const [oldest] = this.#recent.keys();
      if (oldest !== undefined) this.#recent.delete(oldest);
    }
  }

  /** The worker for the next connection of `address`, of those that `isUsable`. */
  pick(address: string, now: number, isUsable: (worker: W) => boolean): W | undefined {
    const recent = this.#take(address, now);
    if (recent === undefined) return undefined;
    recent.expected = recent.expected.filter(
      ({ worker, since }) => now - since <= EXPECTED_WITHIN && isUsable(worker),
    );
    recent.known = recent.known.filter(isUsable);
    const next = recent.known.shift();
    if (next === undefined) return undefined;
    recent.known.push(next);
    this.#put(address, recent, now);
    return recent.expected.pop()?.worker ?? next;
  }

  #take(address: string, now: number): Recent<W> | undefined {
    const recent = this.#recent.get(address);
    if (recent === undefined) return undefined;
    this.#recent.delete(address);
    return now - recent.lastSeen > FORGET_AFTER ? undefined : recent;
  }

  /** As the one that was seen last. */
  #put(address: string, recent: Recent<W>, now: number): void {
    recent.lastSeen = now;
    this.#recent.set(address, recent);
  }
}
