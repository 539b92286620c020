import type { Vector } from "./vector.js";

/** What a message is about, as far as recovery is concerned. */
export interface Address {
  readonly nsp: string;
  readonly rooms: readonly string[];
  readonly except: readonly string[];
}

/** A message that an origin has sent, a checkpoint that it has written, or what it tells of sessions. */
export interface Entry {
  readonly origin: number;
  /** Counts what the origin sends, from 1 on. */
  readonly n: number;
  readonly payload: Uint8Array;
  readonly content: Address | Vector | undefined;
}

interface Kept extends Entry {
  /** In which order this worker has got it; of what came before it did, others' order. */
  readonly order: number;
}

/** What an entry costs beside its payload (bytes, about). */
const OVERHEAD = 300;

/** What one origin has sent, without holes. */
class OriginLog {
  /** What came before this worker was there, the latest first. */
  readonly #older: Kept[] = [];
  /** What has come since, from `#head` on; before that nothing. */
  #entries: (Kept | undefined)[] = [];
  #head = 0;
  /** Number of the first of these. */
  #base: number;

  constructor(first: number) {
    this.#base = first;
  }

  /** Number of the first one that is kept, or would be. */
  get first(): number {
    return this.#base - this.#older.length;
  }

  get next(): number {
    return this.#base + this.#entries.length - this.#head;
  }

  get oldest(): Kept | undefined {
    return this.#older.at(-1) ?? this.#entries[this.#head];
  }

  get(n: number): Kept | undefined {
    if (n < this.#base) return this.#older[this.#base - 1 - n];
    return this.#entries[this.#head + n - this.#base];
  }

  append(entry: Kept): void {
    this.#entries.push(entry);
  }

  /** @param entries end where this begins */
  prepend(entries: readonly Kept[]): void {
    this.#older.push(...[...entries].reverse());
  }

  forget(): void {
    if (this.#older.pop() !== undefined) return;
    this.#entries[this.#head++] = undefined;
    this.#base++;
    if (this.#head < 1024 || this.#head * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }

  *from(n: number): Iterable<Kept> {
    for (let at = Math.max(n, this.first); at < this.next; at++) {
      const entry = this.get(at);
      if (entry !== undefined) yield entry;
    }
  }
}

/**
 * What all origins have sent, bounded in bytes: the oldest goes first, whoever has sent it. Of each
 * origin there are no holes, so two numbers say whether everything after a message is there.
 */
export class Logs {
  #maxBytes: number;
  readonly #origins = new Map<number, OriginLog>();
  #bytes = 0;
  #forgotten = 0;
  #lastOrder = 0;
  #firstOrder = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What is beyond it is forgotten. */
  set maxBytes(bytes: number) {
    this.#maxBytes = bytes;
    this.#forgetBeyond();
  }

  /** How many had to go for others. */
  get forgotten(): number {
    return this.#forgotten;
  }

  get origins(): Iterable<number> {
    return this.#origins.keys();
  }

  /** The number of the last message of an origin that came before all that is there. */
  before(origin: number): number {
    return (this.#origins.get(origin)?.first ?? 1) - 1;
  }

  /** An origin is known from the message after `last` on. */
  begin(origin: number, last: number): void {
    this.drop(origin);
    this.#origins.set(origin, new OriginLog(last + 1));
  }

  drop(origin: number): void {
    for (const entry of this.#origins.get(origin)?.from(0) ?? []) this.#bytes -= sizeOf(entry);
    this.#origins.delete(origin);
  }

  append(entry: Entry): void {
    const log = this.#origins.get(entry.origin);
    if (log === undefined || log.next !== entry.n) throw new RangeError("A log has no holes");
    log.append({ ...entry, order: ++this.#lastOrder });
    this.#bytes += sizeOf(entry);
    this.#forgetBeyond();
  }

  /**
   * What one origin had sent before this worker knew it.
   *
   * @returns whether it was of use: what does not end where the log begins is not
   */
  prepend(origin: number, entries: readonly Entry[]): boolean {
    const log = this.#origins.get(origin);
    const last = entries.at(-1);
    if (log === undefined || last === undefined || last.n !== log.first - 1) return false;
    let bytes = 0;
    for (const entry of entries) bytes += sizeOf(entry);
    if (this.#bytes + bytes > this.#maxBytes) return false; // older than all that there is
    const begin = this.#firstOrder - entries.length;
    log.prepend(entries.map((entry, index) => ({ ...entry, order: begin + index })));
    this.#firstOrder = begin;
    this.#bytes += bytes;
    return true;
  }

  get(origin: number, n: number): Entry | undefined {
    return this.#origins.get(origin)?.get(n);
  }

  /** Whether all that an origin has sent after its message `n` is there, as far as it is known. */
  covers(origin: number, n: number): boolean {
    const log = this.#origins.get(origin);
    return log === undefined || log.first <= n + 1;
  }

  /** All after `vector`, in the order in which this worker has got them. */
  after(vector: Vector): Entry[] {
    const all: Kept[] = [];
    for (const [origin, log] of this.#origins) {
      for (const entry of log.from((vector.get(origin) ?? 0) + 1)) all.push(entry);
    }
    return all.sort((a, b) => a.order - b.order);
  }

  #forgetBeyond(): void {
    while (this.#bytes > this.#maxBytes) this.#forgetOldest();
  }

  #forgetOldest(): void {
    let oldest: OriginLog | undefined;
    let order = Number.POSITIVE_INFINITY;
    for (const log of this.#origins.values()) {
      const entry = log.oldest;
      if (entry === undefined || entry.order >= order) continue;
      oldest = log;
      order = entry.order;
    }
    const entry = oldest?.oldest;
    if (oldest === undefined || entry === undefined) throw new Error("Bytes of nothing");
    this.#bytes -= sizeOf(entry);
    this.#forgotten++;
    oldest.forget();
  }
}

const sizeOf = ({ payload }: Entry): number => payload.byteLength + OVERHEAD;

/** @returns `undefined`: it is no message */
export function addressOf({ content }: Entry): Address | undefined {
  return content === undefined || content instanceof Map ? undefined : (content as Address);
}
