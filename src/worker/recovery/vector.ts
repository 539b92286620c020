/** How far somebody is in what each origin has sent: the number of its last message. */
export type Vector = ReadonlyMap<number, number>;

/** A vector that all workers find in the log of the worker that has written it there. */
export interface Checkpoint {
  readonly origin: number;
  readonly n: number;
  readonly vector: Vector;
}

/** Characters of the longest offset that is looked at: clients may send anything. */
const MAX_OFFSET = 512;

const OFFSET =
  /^([0-9a-z]{1,9})\.([0-9a-z]{1,10})\.((?:-?[0-9a-z]{1,10})?(?:,(?:-?[0-9a-z]{1,10})?)*)$/;

/** Of two vectors the further one, origin by origin. */
export function furthest(a: Vector, b: Vector): Map<number, number> {
  const all = new Map(a);
  for (const [origin, n] of b) if (n > (all.get(origin) ?? 0)) all.set(origin, n);
  return all;
}

/**
 * A vector as an offset: a checkpoint, and how far it is from there, in base 36. Origins that are
 * new come first, so that those that have ended, which do not change, need no characters.
 *
 * @returns `undefined` when the checkpoint does not know an origin
 */
export function writeOffset({ origin, n, vector }: Checkpoint, now: Vector): string | undefined {
  if (now.size > vector.size) return undefined;
  const steps: string[] = [];
  let known = 0;
  for (const id of descending(vector)) {
    const at = now.get(id);
    if (at !== undefined) known++;
    const step = (at ?? 0) - (vector.get(id) ?? 0);
    steps.push(step === 0 || at === undefined ? "" : step.toString(36));
  }
  if (known < now.size) return undefined;
  while (steps.at(-1) === "") steps.pop();
  return `${origin.toString(36)}.${n.toString(36)}.${steps.join(",")}`;
}

/** An offset of which the checkpoint has not been looked up. */
export interface ReadOffset {
  readonly origin: number;
  readonly n: number;
  readonly steps: readonly number[];
}

/** @returns `undefined` when it is none */
export function readOffset(text: string): ReadOffset | undefined {
  if (text.length > MAX_OFFSET) return undefined;
  const [, origin, n, steps] = OFFSET.exec(text) ?? [];
  if (origin === undefined || n === undefined || steps === undefined) return undefined;
  return {
    origin: Number.parseInt(origin, 36),
    n: Number.parseInt(n, 36),
    steps: steps === "" ? [] : steps.split(",").map((step) => Number.parseInt(step || "0", 36)),
  };
}

/** @returns `undefined` when it is none that this checkpoint could have led to */
export function vectorOf(offset: ReadOffset, checkpoint: Vector): Vector | undefined {
  if (offset.steps.length > checkpoint.size) return undefined;
  const vector = new Map<number, number>();
  let index = 0;
  for (const id of descending(checkpoint)) {
    const n = (checkpoint.get(id) ?? 0) + (offset.steps[index++] ?? 0);
    if (!Number.isSafeInteger(n) || n < 0) return undefined;
    vector.set(id, n);
  }
  return vector;
}

function descending(vector: Vector): number[] {
  return [...vector.keys()].sort((a, b) => b - a);
}
