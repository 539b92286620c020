import type { Deaths } from "./deaths.js";
import type { Entry, Logs } from "./log.js";
import type { Part, RecoveryMessage } from "./messages.js";
import type { SessionTable } from "./session-table.js";

/** So much is told in one turn of the event loop. */
const ENTRIES = 200;
const SESSIONS = 200;

export interface TellerSource {
  readonly table: SessionTable;
  readonly logs: Logs;
  readonly deaths: Deaths;
  mark(origin: number): number | undefined;
}

/** Entries that follow each other. */
export function partOf(entries: readonly Entry[]): Part | undefined {
  const [first] = entries;
  if (first === undefined) return undefined;
  const payloads = entries.map(({ payload }) => payload);
  return { origin: first.origin, first: first.n, payloads };
}

/**
 * Tells a worker that is new all that was before it, in parts: what it is told first is the latest
 * of each origin, so that what is forgotten meanwhile is at the end.
 */
export function tellAll(
  source: TellerSource,
  starts: ReadonlyMap<number, number>,
  send: (message: RecoveryMessage) => void,
  soon: (act: () => void) => void,
): void {
  const { table, logs, deaths } = source;
  send({
    type: "dead",
    dead: Array.from(deaths.all, (origin) => [origin, source.mark(origin) ?? 0]),
    expired: [...deaths.expired],
  });
  const sessions = [...table.all];
  const origins = [...logs.origins]
    // Of those that the other one will meet it will hear itself.
    .filter((origin) => starts.has(origin) || deaths.isDead(origin))
    .map((origin) => ({ origin, next: starts.get(origin) ?? source.mark(origin) ?? 0 }));
  const step = (): void => {
    const some = sessions.splice(0, SESSIONS);
    if (some.length > 0) {
      send({ type: "sessions", sessions: some });
      soon(step);
      return;
    }
    const [current] = origins;
    if (current === undefined) {
      send({ type: "told" });
      return;
    }
    const entries: Entry[] = [];
    while (entries.length < ENTRIES) {
      const entry = logs.get(current.origin, current.next);
      if (entry === undefined) break;
      entries.unshift(entry);
      current.next--;
    }
    const part = partOf(entries);
    if (part === undefined) origins.shift();
    else send({ type: "old", part });
    soon(step);
  };
  step();
}
