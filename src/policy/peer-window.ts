/**
 * How much may wait for another worker that has not shown that it takes it (B2).
 *
 * A request that is forwarded is *taken* when the other worker has had it in hand: from then on it is
 * like a request of its own, and a long poll may be answered in 25 s. Until then it waits, and
 * nobody knows for how long. So what is bounded is what is not taken, whatever else is pending.
 *
 * A worker shows it by answering a probe that was sent behind the requests: sockets are accepted in
 * order, so one answer is good for all that went before. Most requests are answered before any
 * probe is due, and cost nothing.
 *
 * Pure: time is counted in looks, so that none passes while this process is busy itself.
 */

/** Requests, each with a connection of its own, that may be on their way and not taken. */
export const MAX_UNTAKEN = 256;

/** Requests that may wait behind those, without a connection. */
export const MAX_IN_LINE = 10_000;

/** Bytes of all of them: heads, and bodies that are held (64 MiB). */
export const MAX_UNTAKEN_BYTES = 64 * 1024 * 1024;

/** ms between two looks. */
export const LOOK = 250;

/** How long a probe may stay unanswered before the worker counts as silent: nothing waits in line then (ms). */
export const SILENCE_TIMEOUT = 2_000;

/** How long before what was sent is given up, too (ms). */
export const TAKE_TIMEOUT = 10_000;

/** Looks that a request is not taken before a probe is due: most have their answer by then. */
const LOOKS_BEFORE_PROBE = 2;

/** What becomes of a request. */
export type Admission = "send" | "wait" | "refuse";

/** The requests for one other worker that it has not taken. */
export class PeerWindow<T extends { readonly bytes: number }> {
  /** Sent; the value is the number of the probe behind them. */
  readonly #sent = new Map<T, number>();
  readonly #inLine = new Set<T>();
  #bytes = 0;
  /** Number of the last probe. */
  #probe = 0;
  #isProbing = false;
  /** While there is a probe, since it was sent; else since something waits. */
  #looks = 0;

  /** Whether anything has to be looked at. */
  get isIdle(): boolean {
    return this.#sent.size === 0 && this.#inLine.size === 0 && !this.#isProbing;
  }

  /** It has taken nothing for so long that nothing waits in line for it. */
  get isSilent(): boolean {
    return this.#isProbing && this.#looks * LOOK >= SILENCE_TIMEOUT;
  }

  /** Nothing is sent to it any more until the probe has been answered. */
  get isLost(): boolean {
    return this.#isProbing && this.#looks * LOOK >= TAKE_TIMEOUT;
  }

  get isProbing(): boolean {
    return this.#isProbing;
  }

  /** Whether it should be probed now. */
  get needsProbe(): boolean {
    if (this.#isProbing || this.#sent.size === 0) return false;
    return this.#sent.size >= MAX_UNTAKEN || this.#looks >= LOOKS_BEFORE_PROBE;
  }

  enter(item: T): Admission {
    if (this.isLost || this.#bytes + item.bytes > MAX_UNTAKEN_BYTES) return "refuse";
    if (this.#sent.size < MAX_UNTAKEN && this.#inLine.size === 0) {
      if (this.isIdle) this.#looks = 0;
      this.#bytes += item.bytes;
      this.#sent.set(item, this.#probe + 1);
      return "send";
    }
    if (this.isSilent || this.#inLine.size >= MAX_IN_LINE) return "refuse";
    this.#bytes += item.bytes;
    this.#inLine.add(item);
    return "wait";
  }

  /** It is answered, or over in another way. */
  leave(item: T): void {
    if (this.#sent.delete(item) || this.#inLine.delete(item)) this.#bytes -= item.bytes;
  }

  /** Takes the next one out of the line that may be sent now. */
  next(): T | undefined {
    if (this.#sent.size >= MAX_UNTAKEN || this.isLost) return undefined;
    const [item] = this.#inLine;
    if (item === undefined) return undefined;
    this.#inLine.delete(item);
    this.#sent.set(item, this.#probe + 1);
    return item;
  }

  /** A probe is sent: behind all that was sent until now. */
  probed(): void {
    this.#probe++;
    this.#isProbing = true;
    this.#looks = 0;
  }

  /** The probe was answered, or nothing can be told by it: what was sent before is taken. */
  answered(): void {
    this.#isProbing = false;
    this.#looks = 0;
    for (const [item, probe] of this.#sent) if (probe <= this.#probe) this.leave(item);
  }

  /** Time has passed. @returns those that have waited too long; they have left */
  look(): T[] {
    this.#looks++;
    const late = this.isLost ? [...this.#sent.keys()] : [];
    if (this.isSilent) late.push(...this.#inLine);
    for (const item of late) this.leave(item);
    return late;
  }

  /** The worker is gone. @returns those that were never sent; nothing is in it any more */
  clear(): T[] {
    const inLine = [...this.#inLine];
    this.#inLine.clear();
    this.#sent.clear();
    this.#bytes = 0;
    this.#isProbing = false;
    return inLine;
  }
}
