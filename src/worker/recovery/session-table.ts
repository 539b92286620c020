import type { Session } from "./sessions.js";

/** Bytes of a session beside its data and its rooms (about). */
const OVERHEAD = 500;
const STAY = 200;

/**
 * The sessions of all workers. Those of clients that are away are bounded in time and in bytes: who
 * has been away longest goes first.
 */
export class SessionTable {
  readonly #sessions = new Map<string, Session>();

  get size(): number {
    return this.#sessions.size;
  }

  get all(): Iterable<Session> {
    return this.#sessions.values();
  }

  get(pid: string): Session | undefined {
    return this.#sessions.get(pid);
  }

  set(session: Session): void {
    this.#sessions.set(session.pid, session);
  }

  /**
   * Forgets those that are over, or away for too long, and the longest away beyond `maxBytes`.
   *
   * @param before ms
   * @returns how many had to go because there are too many
   */
  forget(before: number, maxBytes: number): number {
    const away: Session[] = [];
    for (const session of this.#sessions.values()) {
      if (session.disconnectedAt === undefined) continue;
      if (session.disconnectedAt < before) this.#sessions.delete(session.pid);
      else away.push(session);
    }
    let bytes = 0;
    for (const session of away) bytes += sizeOf(session);
    if (bytes <= maxBytes) return 0;
    away.sort((a, b) => (a.disconnectedAt ?? 0) - (b.disconnectedAt ?? 0));
    let forgotten = 0;
    for (const session of away) {
      if (bytes <= maxBytes) break;
      bytes -= sizeOf(session);
      this.#sessions.delete(session.pid);
      forgotten++;
    }
    return forgotten;
  }
}

function sizeOf({ data, stays }: Session): number {
  return OVERHEAD + data.byteLength + stays.length * STAY;
}
