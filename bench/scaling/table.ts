// The primary's session table with a million sids: memory and time, without any process.
import { randomBytes } from "node:crypto";
import { deserialize, serialize } from "node:v8";
import { SessionTable } from "../../src/primary/sessions/session-table.js";

export interface TableCost {
  sessions: number;
  workers: number;
  /** Bytes of the heap for each session, sid included. */
  bytes: number;
  /** ns */
  open: number;
  lookup: number;
  lookupUnknown: number;
  close: number;
  /** ms that the death of one worker takes, with the sessions of one. */
  removeOwner: number;
}

/** @param collect V8's garbage collector (`--expose-gc`) */
export function measureTable(sessions: number, workers: number, collect: () => void): TableCost {
  const owners = Array.from({ length: workers }, (_, id) => ({ id }));
  const ownerOf = (i: number) => owners[i % workers] as { id: number };
  const sids = Array.from({ length: sessions }, () => randomBytes(15).toString("base64url"));
  const unknown = Array.from({ length: 100_000 }, () => randomBytes(15).toString("base64url"));
  collect();
  const before = process.memoryUsage().heapUsed;
  const table = new SessionTable<{ id: number }>();
  let opening = 0n;
  // As they come over IPC: in batches, each sid a string of its own.
  for (let from = 0; from < sessions; from += 50) {
    const batch = deserialize(serialize(sids.slice(from, from + 50))) as string[];
    const start = process.hrtime.bigint();
    for (const [i, sid] of batch.entries()) table.open(sid, ownerOf(from + i));
    opening += process.hrtime.bigint() - start;
  }
  collect();
  const bytes = (process.memoryUsage().heapUsed - before) / sessions;
  const shuffled = shuffle(sids);
  const lookup = nsEach(shuffled, (sid) => table.ownerOf(sid));
  const lookupUnknown = nsEach(unknown, (sid) => table.ownerOf(sid));
  const start = performance.now();
  table.removeOwner(ownerOf(0));
  const removeOwner = performance.now() - start;
  const left = sids.flatMap((sid, i) => (i % workers === 0 ? [] : [[sid, ownerOf(i)] as const]));
  const close = nsEach(left, ([sid, owner]) => table.close(sid, owner));
  if (table.size !== 0) throw new Error(`${table.size} sessions are left`);
  const open = Number(opening) / sessions;
  return { sessions, workers, bytes, open, lookup, lookupUnknown, close, removeOwner };
}

function nsEach<T>(items: readonly T[], act: (item: T) => unknown): number {
  const start = process.hrtime.bigint();
  for (const item of items) act(item);
  return Number(process.hrtime.bigint() - start) / items.length;
}

function shuffle<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
