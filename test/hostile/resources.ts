import { setTimeout as sleep } from "node:timers/promises";
import type { Canaries } from "./canaries.js";
import type { Pair } from "./targets.js";

interface Held {
  heap: number;
  rss: number;
  descriptors: number;
  sessions: number;
}

/** What each process has, by a name for it; after its garbage collection. */
export type Holdings = Map<string, Held>;

/** What a process may keep: connections between workers stay open for some seconds, tables grow. */
const MORE_DESCRIPTORS = 3;
const MORE_HEAP = 12 * 1024 * 1024;
/** Memory outside of the heap and of buffers; the kernel gets pages back late, or never. */
const MORE_RSS = 96 * 1024 * 1024;

/** Within which all has to be back: sessions without a namespace and idle connections have ended. */
const PATIENCE = 30_000;

interface PrimaryVitals {
  heap: number;
  rss: number;
  descriptors: number;
}

export async function holdings(pair: Pair, canaries: Canaries): Promise<Holdings> {
  const all: Holdings = new Map();
  const primary = await pair.manager.call<PrimaryVitals>("vitals");
  const none = { heap: 0, rss: 0, sessions: 0 };
  all.set(PLAIN, { ...none, descriptors: pair.plainDescriptors() });
  all.set("the primary", { ...primary, sessions: 0 });
  for (const [pid, vitals] of await canaries.vitals()) {
    all.set(`worker ${pid}`, { ...vitals, sessions: vitals.clients });
  }
  return all;
}

/**
 * Node's HTTP/2 server itself keeps the connections of some clients that break its rules and go: what
 * the plain server keeps, which got all of the attacks, a worker may keep as well.
 */
const PLAIN = "the plain server";

/** Processes of which nothing is kept from before, since they were not there. */
function excess(before: Holdings, now: Holdings): string[] {
  const found: string[] = [];
  const descriptorsOfPlain = (all: Holdings) => all.get(PLAIN)?.descriptors ?? 0;
  const kept = Math.max(0, descriptorsOfPlain(now) - descriptorsOfPlain(before));
  for (const [name, { heap, rss, descriptors, sessions }] of now) {
    const then = before.get(name);
    if (then === undefined || name === PLAIN) continue;
    if (descriptors > then.descriptors + MORE_DESCRIPTORS + kept) {
      found.push(`${name} has ${descriptors} descriptors instead of ${then.descriptors}`);
    }
    if (sessions > then.sessions) found.push(`${name} has ${sessions} sessions: ${then.sessions}`);
    if (heap > then.heap + MORE_HEAP) {
      found.push(`${name} has a heap of ${heap} bytes instead of ${then.heap}`);
    }
    if (rss > then.rss + MORE_RSS) {
      found.push(`${name} has ${rss} bytes in memory instead of ${then.rss}`);
    }
  }
  return found;
}

/** Waits until everything has returned to where it was. @returns what has not */
export async function returned(
  pair: Pair,
  canaries: Canaries,
  before: Holdings,
): Promise<string[]> {
  for (const end = performance.now() + PATIENCE; ; await sleep(500)) {
    const found = excess(before, await holdings(pair, canaries));
    if (found.length === 0 || performance.now() > end) return found;
  }
}
