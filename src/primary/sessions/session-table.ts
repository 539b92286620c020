import type { SessionNotice } from "../../protocol/messages.js";

/**
 * Which worker owns which session.
 *
 * Invariant: a sid is in `#owners` exactly when it is in the set of its owner, so that the end of
 * a worker costs what it owned, and never a walk over all sessions.
 */
export class SessionTable<Owner extends object> {
  readonly #owners = new Map<string, Owner>();
  readonly #sids = new Map<Owner, Set<string>>();

  get size(): number {
    return this.#owners.size;
  }

  ownerOf(sid: string): Owner | undefined {
    return this.#owners.get(sid);
  }

  count(owner: Owner): number {
    return this.#sids.get(owner)?.size ?? 0;
  }

  /** A sid that is already owned moves: ids may be used again, and notices may cross. */
  open(sid: string, owner: Owner): void {
    const before = this.#owners.get(sid);
    if (before === owner) return;
    if (before !== undefined) this.#sids.get(before)?.delete(sid);
    this.#owners.set(sid, owner);
    const sids = this.#sids.get(owner);
    if (sids === undefined) this.#sids.set(owner, new Set([sid]));
    else sids.add(sid);
  }

  /** Only the owner can close a session: a late notice of an earlier owner changes nothing. */
  close(sid: string, owner: Owner): void {
    if (this.#owners.get(sid) !== owner) return;
    this.#owners.delete(sid);
    this.#sids.get(owner)?.delete(sid);
  }

  /** What `owner` tells of its sessions: those that ended, then those that opened. */
  apply({ closed, opened }: Pick<SessionNotice, "closed" | "opened">, owner: Owner): void {
    for (const sid of closed) this.close(sid, owner);
    for (const sid of opened) this.open(sid, owner);
  }

  removeOwner(owner: Owner): void {
    for (const sid of this.#sids.get(owner) ?? []) this.#owners.delete(sid);
    this.#sids.delete(owner);
  }
}
