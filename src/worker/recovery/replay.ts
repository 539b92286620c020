import { addressOf, type Entry } from "./log.js";
import { concerns, type Session } from "./sessions.js";
import type { Stream } from "./stream.js";
import type { Vector } from "./vector.js";

/** Gives a client a message that it has missed, with the offset that goes with it. */
export type Give = (entry: Entry, offset: string) => void;

/**
 * Gives a client all that it has missed, in the order in which this worker has got it. Each message
 * has an offset of its own, so that the next break may be in the middle.
 *
 * @param from what it has got
 * @returns whether all was there; if not, it gets nothing
 */
export function replay(stream: Stream, session: Session, from: Vector, give: Give): boolean {
  const { logs } = stream;
  const at = new Map<number, number>();
  for (const origin of logs.origins) {
    const n = from.get(origin) ?? 0;
    if (!logs.covers(origin, n)) return false;
    at.set(origin, n);
  }
  const missed = logs.after(from).filter((entry) => {
    const address = addressOf(entry);
    return address !== undefined && concerns(session, entry.origin, entry.n, address);
  });
  const offsets = stream.offsets();
  for (const entry of missed) {
    at.set(entry.origin, entry.n);
    give(
      entry,
      offsets.of(at, () => true),
    );
  }
  return true;
}
