import fc from "fast-check";
import t from "tap";
import { HashTable, hashOf } from "../../../../src/worker/mesh/hash-table.js";

/** Few hashes, so that they meet; those of one bucket, and zero, among them. */
const hash = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: 20 }).map((n) => (n << 16) | 5),
  fc.integer({ min: 0, max: 0xffffffff }),
);
const steps = fc.array(fc.record({ adds: fc.boolean(), hash }), { maxLength: 400 });

/** Zero counts as one. */
const keyOf = (value: number): number => value || 1;

t.test("M3 a set of hashes is a set of hashes", async () => {
  fc.assert(
    fc.property(steps, (history) => {
      const table = new HashTable();
      const model = new Set<number>();
      for (const step of history) {
        const key = keyOf(step.hash);
        const changed = step.adds ? table.add(step.hash) : table.remove(step.hash);
        const expected = step.adds ? !model.has(key) : model.has(key);
        if (step.adds) model.add(key);
        else model.delete(key);
        if (changed !== expected || table.size !== model.size) return false;
      }
      return (
        history.every((step) => table.has(step.hash) === model.has(keyOf(step.hash))) &&
        [...table.toArray()].every((key) => model.has(key))
      );
    }),
    { numRuns: 500 },
  );
});

t.test("M3 a table that counts lets go when the last one leaves", async () => {
  fc.assert(
    fc.property(steps, (history) => {
      const table = new HashTable("counted");
      const model = new Map<number, number>();
      for (const step of history) {
        const key = keyOf(step.hash);
        const before = model.get(key) ?? 0;
        if (step.adds) {
          if (table.add(step.hash) !== (before === 0)) return false;
          model.set(key, before + 1);
        } else {
          if (table.remove(step.hash) !== (before === 1)) return false;
          model.set(key, Math.max(0, before - 1));
        }
      }
      return history.every((step) => {
        return table.has(step.hash) === (model.get(keyOf(step.hash)) ?? 0) > 0;
      });
    }),
    { numRuns: 500 },
  );
});

t.test("M3 a count that was too high is never counted down to nothing", async (t) => {
  const table = new HashTable("counted");
  for (let n = 0; n < 300; n++) table.add(7);
  for (let n = 0; n < 300; n++) table.remove(7);
  t.ok(table.has(7));
});

t.test("M3 at most 16 bytes for a room and worker, and it shrinks again", async (t) => {
  for (const kind of ["set", "counted"] as const) {
    const table = new HashTable(kind);
    for (let n = 0; n < 200_000; n++) {
      table.add(hashOf(1, `room ${n}`));
      if (n > 100 && table.bytes > 16 * table.size) t.fail(`${table.bytes} for ${table.size}`);
    }
    for (let n = 0; n < 200_000; n++) table.remove(hashOf(1, `room ${n}`));
    t.equal(table.size, 0);
    t.ok(table.bytes < 1_000);
  }
});

t.test("M3 hashes of names that are alike are spread", async (t) => {
  const hashes = new Set<number>();
  const buckets = new Uint32Array(256);
  for (let n = 0; n < 100_000; n++) {
    const value = hashOf(3, `user:${n}`);
    hashes.add(value);
    buckets[value & 255] = (buckets[value & 255] ?? 0) + 1;
  }
  t.ok(hashes.size > 99_990, `${100_000 - hashes.size} collisions`);
  t.ok(Math.max(...buckets) < 520, "in the low bits, too");
  t.not(hashOf(1, "a"), hashOf(2, "a"), "by seed");
});
