import { type Checkpoint, type Vector, writeOffset } from "./vector.js";

/** Characters of the longest offset, with as many origins, and with more (V4). */
const FEW_ORIGINS = 8;
const LONGEST = { few: 60, many: 124 };

/** Writes a checkpoint where all workers find it; the vector has its own number then. */
export type WriteCheckpoint = (vector: Vector) => Checkpoint;

/** Offsets from one checkpoint on, which is written anew when they would get too long (V4). */
export class Offsets {
  readonly #write: WriteCheckpoint;
  #checkpoint: Checkpoint | undefined;

  constructor(write: WriteCheckpoint) {
    this.#write = write;
  }

  /** @param isKept whether the checkpoint has not been forgotten */
  of(vector: Vector, isKept: (checkpoint: Checkpoint) => boolean): string {
    const longest = vector.size <= FEW_ORIGINS ? LONGEST.few : LONGEST.many;
    const known = this.#checkpoint;
    if (known !== undefined && isKept(known)) {
      const text = writeOffset(known, vector);
      if (text !== undefined && text.length <= longest) return text;
    }
    const checkpoint = this.#write(vector);
    this.#checkpoint = checkpoint;
    const text = writeOffset(checkpoint, vector);
    if (text === undefined) throw new Error("A checkpoint knows the origins that it is made of");
    return text;
  }
}
