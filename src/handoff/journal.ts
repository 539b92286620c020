import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";

/*
 * What a worker has done with the sockets that are on their way to it, in a file that both
 * processes have open: one byte for each socket, written before the worker uses it.
 *
 * A worker tells of sockets in batches. One that dies, or stands still, has told less than it has
 * done, and two workers must never answer one client. The file costs the worker two system calls a
 * connection, one more at its first answer, and wakes nobody; the primary reads it only when a worker died or hangs.
 *
 * Taking a socket and taking it away are in order whoever is faster: the worker writes its mark and
 * then looks whether the primary has withdrawn what is not marked; the primary withdraws and then
 * reads the marks. So at least one of them sees the other, and no socket is used twice.
 */

/** What became of a socket. */
export type Mark = "none" | "taken" | "answered";

/** Sockets that can be told apart; far more than are ever under way at once. */
const SLOTS = 4096;

const WITHDRAWN_AT = 0;
const MARKS_AT = 1;

const MARKS: readonly Mark[] = ["none", "taken", "answered"];

/** The number's turn through the slots keeps the marks of the turn before from counting. */
const codeOf = (n: number, mark: Mark): number =>
  ((Math.floor(n / SLOTS) & 0x3f) << 2) | MARKS.indexOf(mark);

const placeOf = (n: number): number => MARKS_AT + (n % SLOTS);

/** The worker's side. */
export class HandoffJournal {
  readonly path: string;
  readonly #fd: number;
  readonly #byte = Buffer.alloc(1);

  /** @throws what `open()` throws: no such folder, no descriptor left */
  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, "wx+", 0o600);
    writeSync(this.#fd, Buffer.alloc(MARKS_AT + SLOTS), 0, MARKS_AT + SLOTS, 0);
  }

  /** @returns whether number `n` is this worker's to use */
  take(n: number): boolean {
    this.#mark(n, "taken");
    readSync(this.#fd, this.#byte, 0, 1, WITHDRAWN_AT);
    return this.#byte[0] === 0;
  }

  /** The client of `n` is about to get bytes. */
  answered(n: number): void {
    this.#mark(n, "answered");
  }

  close(): void {
    closeSync(this.#fd);
  }

  #mark(n: number, mark: Mark): void {
    this.#byte[0] = codeOf(n, mark);
    writeSync(this.#fd, this.#byte, 0, 1, placeOf(n));
  }
}

/** The primary's side. */
export class JournalReader {
  readonly #fd: number;
  readonly #byte = Buffer.alloc(1);

  /**
   * The file's name goes at once: nothing is left behind however the processes end.
   *
   * @throws what `open()` throws
   */
  constructor(path: string) {
    this.#fd = openSync(path, "r+");
    unlinkSync(path);
  }

  /** What the worker has not taken yet it will not take any more. */
  withdraw(): void {
    this.#setWithdrawn(1);
  }

  /** The worker may take what is sent from now on; all that was sent before must have been told. */
  allow(): void {
    this.#setWithdrawn(0);
  }

  markOf(n: number): Mark {
    readSync(this.#fd, this.#byte, 0, 1, placeOf(n));
    const [code = 0] = this.#byte;
    return (code & ~3) === codeOf(n, "none") ? (MARKS[code & 3] ?? "none") : "none";
  }

  close(): void {
    closeSync(this.#fd);
  }

  #setWithdrawn(flag: 0 | 1): void {
    this.#byte[0] = flag;
    writeSync(this.#fd, this.#byte, 0, 1, WITHDRAWN_AT);
  }
}
