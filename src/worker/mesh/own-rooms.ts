import { HashTable } from "./hash-table.js";

/** How long news that may be late waits for company (ms). */
const LAZY_DELAY = 20;

/** Tells the other workers, at once. */
export type TellRooms = (joined: readonly number[], left: readonly number[]) => void;

/**
 * The rooms in which this worker has a member, as hashes.
 *
 * That a room has a member now is told before `join` returns, so before anybody can be told that
 * he is in it (M2). That it has none any more costs at most a message, and waits for company. So
 * does a join that senders do not rely on: see `RoomAudience` for rooms of one socket.
 */
export class OwnRooms {
  readonly #rooms = new HashTable("counted");
  readonly #tell: TellRooms;
  readonly #joined = new Set<number>();
  readonly #left = new Set<number>();
  #later: NodeJS.Timeout | undefined;

  constructor(tell: TellRooms) {
    this.#tell = tell;
  }

  get size(): number {
    return this.#rooms.size;
  }

  get bytes(): number {
    return this.#rooms.bytes;
  }

  join(hashes: readonly number[], may: "wait" | "not wait"): void {
    let isUrgent = false;
    for (const hash of hashes) {
      const isNew = this.#rooms.add(hash);
      // Two rooms may have one hash, and only the first of them may have been able to wait.
      if (!isNew && !this.#joined.has(hash)) continue;
      if (isNew && this.#left.delete(hash)) continue; // the others do not know that it was empty
      this.#joined.add(hash);
      if (may === "not wait") isUrgent = true;
    }
    if (isUrgent) this.flush();
    else if (this.#joined.size > 0) this.#flushLater();
  }

  leave(hashes: readonly number[]): void {
    for (const hash of hashes) {
      if (!this.#rooms.remove(hash) || this.#joined.delete(hash)) continue;
      this.#left.add(hash);
    }
    if (this.#left.size > 0) this.#flushLater();
  }

  /** All rooms, for a worker that is new; the others know of them too, then. */
  snapshot(): Uint32Array {
    this.flush();
    return this.#rooms.toArray();
  }

  flush(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
    if (this.#joined.size === 0 && this.#left.size === 0) return;
    const [joined, left] = [[...this.#joined], [...this.#left]];
    this.#joined.clear();
    this.#left.clear();
    this.#tell(joined, left);
  }

  #flushLater(): void {
    this.#later ??= setTimeout(() => this.flush(), LAZY_DELAY).unref();
  }
}
