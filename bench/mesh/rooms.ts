/**
 * What knowing the rooms of other workers costs: 1,000,000 rooms in 8 workers, as one of them sees
 * it. In one process; `node --expose-gc --import tsx bench/mesh/rooms.ts`.
 */

import { hashesFrame, Kind, readHashes } from "../../src/worker/mesh/frames.js";
import { HashTable, hashOf } from "../../src/worker/mesh/hash-table.js";

const WORKERS = 8;
const ROOMS = 1_000_000;
const EACH = ROOMS / WORKERS;

const roomOf = (worker: number, n: number): string => `room:${worker}:${n}`;

function timed<T>(what: string, count: number, act: () => T): T {
  const start = performance.now();
  const result = act();
  const ms = performance.now() - start;
  console.log(`${what}: ${ms.toFixed(1)} ms, ${((ms * 1e6) / count).toFixed(0)} ns each`);
  return result;
}

const own = new HashTable("counted");
timed("join (own rooms)", EACH, () => {
  for (let n = 0; n < EACH; n++) own.add(hashOf(1, roomOf(0, n)));
});
const others = Array.from({ length: WORKERS - 1 }, () => new HashTable());
timed("learn all others' rooms, one by one", ROOMS - EACH, () => {
  for (const [worker, table] of others.entries()) {
    for (let n = 0; n < EACH; n++) table.add(hashOf(1, roomOf(worker + 1, n)));
  }
});
timed("what a new worker has to learn, as it travels: seven snapshots", ROOMS - EACH, () => {
  for (const table of others) {
    const fresh = new HashTable();
    for (const hash of readHashes(hashesFrame(Kind.SNAPSHOT, table.toArray()).subarray(5))) {
      fresh.add(hash);
    }
    if (fresh.size !== table.size) throw new Error("It has not learnt all");
  }
});
let found = 0;
timed("whom a message concerns (hash, and a lookup for each other worker)", 1_000_000, () => {
  for (let n = 0; n < 1_000_000; n++) {
    const hash = hashOf(1, roomOf(n % WORKERS, n % EACH));
    for (const table of others) if (table.has(hash)) found++;
  }
});
timed("leave and join again", EACH, () => {
  for (let n = 0; n < EACH; n++) {
    const hash = hashOf(1, roomOf(0, n));
    own.remove(hash);
    own.add(hash);
  }
});
const bytes = others.reduce((sum, table) => sum + table.bytes, own.bytes);
console.log(
  `memory: ${(bytes / 1e6).toFixed(1)} MB, ${(bytes / ROOMS).toFixed(1)} bytes for a room`,
);
console.log(`${found} of 875000 expected found`);
