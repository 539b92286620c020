import t from "tap";
import { Offsets } from "../../../../src/worker/recovery/offsets.js";
import {
  type Checkpoint,
  readOffset,
  type Vector,
  vectorOf,
} from "../../../../src/worker/recovery/vector.js";
import { Random } from "../../../helpers/random.js";

const descending = ([a]: [number, number], [b]: [number, number]): number => b - a;

/** Writes checkpoints as a worker does, and finds them again. */
class Written {
  readonly all = new Map<number, Vector>();
  n = 1_000_000;

  readonly write = (vector: Vector): Checkpoint => {
    const copy = new Map(vector);
    this.all.set(++this.n, copy);
    return { origin: 1, n: this.n, vector: copy };
  };

  read(text: string): Vector | undefined {
    const offset = readOffset(text);
    const vector = offset && this.all.get(offset.n);
    return offset && vector && vectorOf(offset, vector);
  }
}

for (const [workers, bytes] of [
  [1, 64],
  [8, 64],
  [64, 128],
] as const) {
  t.test(`V4 with ${workers} workers an offset adds at most ${bytes} bytes`, async (t) => {
    const random = new Random();
    const written = new Written();
    const offsets = new Offsets(written.write);
    // Numbers as after months, and ids as after thousands of restarts.
    const now = new Map(
      Array.from({ length: workers }, (_, index) => [90_000 + index, random.between(1, 1e12)]),
    );
    let longest = 0;
    for (let step = 0; step < 5_000; step++) {
      const origin = 90_000 + random.between(0, workers - 1);
      now.set(origin, (now.get(origin) ?? 0) + random.between(1, 40));
      const text = offsets.of(now, () => true);
      longest = Math.max(longest, Buffer.byteLength(`,"${text}"`));
      if (step % 50 === 0) t.strictSame(written.read(text), new Map([...now].sort(descending)));
    }
    t.ok(longest <= bytes, `${longest} bytes`);
    t.ok(written.all.size < 2_500, `${written.all.size} checkpoints`);
  });
}

t.test("an origin that is new, a checkpoint that is forgotten: a new checkpoint", async (t) => {
  const written = new Written();
  const offsets = new Offsets(written.write);
  const now = new Map([[1, 5]]);
  offsets.of(now, () => true);
  now.set(2, 1);
  t.strictSame(written.read(offsets.of(now, () => true))?.get(2), 1);
  t.equal(written.all.size, 2);
  t.strictSame(written.read(offsets.of(now, () => false))?.get(2), 1);
  t.equal(written.all.size, 3);
});

t.test("what clients make up is no offset, or one of nothing", async (t) => {
  for (const text of ["", "1", "1.1", "..", "1.1.-", "1.1.1;", "1.1.1 ", "A.1.1", "1.1.,,é"]) {
    t.equal(readOffset(text), undefined, text);
  }
  t.equal(readOffset(`1.1.${",".repeat(600)}`), undefined, "too long");
  const long = readOffset("1.1.1,1,1");
  t.equal(long && vectorOf(long, new Map([[1, 1]])), undefined, "of more origins than there are");
  const negative = readOffset("1.1.-5");
  t.equal(negative && vectorOf(negative, new Map([[1, 1]])), undefined, "before the beginning");
  const random = new Random();
  for (let n = 0; n < 2_000; n++) {
    const offset = readOffset(random.text("0123456789abcz.,-", random.between(1, 40)));
    const vector =
      offset &&
      vectorOf(
        offset,
        new Map([
          [1, 9],
          [2, 9],
        ]),
      );
    for (const value of vector?.values() ?? []) t.ok(Number.isSafeInteger(value) && value >= 0);
  }
});
