/** Slots of an empty table; a power of two, as all sizes are. */
const SMALLEST = 16;

/** A count that has reached this is not counted down any more: a message too many, never one lost. */
const SATURATED = 255;

/**
 * A set of 32-bit hashes in typed arrays, or a multiset that counts up to 255: open addressing,
 * linear probing, no tombstones. At most three quarters of the slots are taken, and at least three
 * eighths after it has grown: at most 11 bytes for a hash, 14 if it counts (M3).
 *
 * Zero marks a free slot, so the hash 0 counts as 1.
 */
export class HashTable {
  #keys = new Uint32Array(SMALLEST);
  #counts: Uint8Array | undefined;
  #size = 0;

  constructor(kind: "set" | "counted" = "set") {
    if (kind === "counted") this.#counts = new Uint8Array(SMALLEST);
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of the arrays. */
  get bytes(): number {
    return this.#keys.byteLength + (this.#counts?.byteLength ?? 0);
  }

  has(hash: number): boolean {
    return this.#keys[this.#find(hash >>> 0 || 1)] !== 0;
  }

  /** @returns whether it was not there before */
  add(hash: number): boolean {
    const key = hash >>> 0 || 1;
    const slot = this.#find(key);
    if (this.#keys[slot] === key) {
      const count = this.#counts?.[slot] ?? SATURATED;
      if (this.#counts !== undefined && count < SATURATED) this.#counts[slot] = count + 1;
      return false;
    }
    this.#put(slot, key, 1);
    this.#size++;
    if (this.#size * 4 > this.#keys.length * 3) this.#resize(this.#keys.length * 2);
    return true;
  }

  /** @returns whether it is no longer there, and was before */
  remove(hash: number): boolean {
    const key = hash >>> 0 || 1;
    const slot = this.#find(key);
    if (this.#keys[slot] !== key) return false;
    const count = this.#counts?.[slot] ?? 1;
    if (this.#counts !== undefined && count > 1) {
      if (count < SATURATED) this.#counts[slot] = count - 1;
      return false;
    }
    this.#free(slot);
    this.#size--;
    const { length } = this.#keys;
    if (length > SMALLEST && this.#size * 8 < length) this.#resize(length / 2);
    return true;
  }

  /** A copy of all hashes, in no order. */
  toArray(): Uint32Array {
    const all = new Uint32Array(this.#size);
    let next = 0;
    for (const key of this.#keys) if (key !== 0) all[next++] = key;
    return all;
  }

  /** The slot of `key`, or the free one where it would be. */
  #find(key: number): number {
    const keys = this.#keys;
    const mask = keys.length - 1;
    let slot = key & mask;
    for (let at = keys[slot]; at !== 0 && at !== key; at = keys[slot]) slot = (slot + 1) & mask;
    return slot;
  }

  #put(slot: number, key: number, count: number): void {
    this.#keys[slot] = key;
    if (this.#counts !== undefined) this.#counts[slot] = count;
  }

  /** Moves those back that are behind `slot` because it was taken. */
  #free(slot: number): void {
    const keys = this.#keys;
    const mask = keys.length - 1;
    let hole = slot;
    for (let next = (slot + 1) & mask; keys[next] !== 0; next = (next + 1) & mask) {
      const key = keys[next] as number;
      const fromHome = (next - key) & mask;
      if (fromHome < ((next - hole) & mask)) continue; // its home is behind the hole
      this.#put(hole, key, this.#counts?.[next] ?? 1);
      hole = next;
    }
    this.#put(hole, 0, 0);
  }

  #resize(length: number): void {
    const [keys, counts] = [this.#keys, this.#counts];
    this.#keys = new Uint32Array(length);
    if (counts !== undefined) this.#counts = new Uint8Array(length);
    // Not with entries(), which takes ten times as long: the event loop waits for this.
    for (let slot = 0; slot < keys.length; slot++) {
      const key = keys[slot] as number;
      if (key !== 0) this.#put(this.#find(key), key, counts?.[slot] ?? 1);
    }
  }
}

/**
 * A hash of `text` in 32 bits (FNV-1a, mixed at the end). All workers of a cluster start from the
 * same random seed, so nobody outside can choose names that collide.
 */
export function hashOf(seed: number, text: string): number {
  let hash = seed ^ 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
