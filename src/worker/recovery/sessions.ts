import type { Address } from "./log.js";
import type { Vector } from "./vector.js";

/** A socket's time in a room: from and to which messages of each origin. */
export interface Stay {
  readonly room: string;
  readonly from: Vector;
  /** `undefined`: it is in there. */
  readonly to: Vector | undefined;
}

/** What is known of a client beyond its connection. */
export interface Session {
  readonly pid: string;
  readonly sid: string;
  readonly nsp: string;
  /** The worker that has it, or had it last. */
  readonly owner: number;
  /** Grows with each change; of two the later one counts. */
  readonly version: number;
  /** Where its owner was when it began. */
  readonly born: Vector;
  readonly stays: readonly Stay[];
  /** What it left before this is not known any more. */
  readonly floor: Vector;
  /** `socket.data`, serialized. */
  readonly data: Uint8Array;
  /** ms; `undefined`: it is connected, as far as its owner knows. */
  readonly disconnectedAt: number | undefined;
  /** The client has left for good. */
  readonly isOver: boolean;
}

/** Rooms that a session remembers to have left. */
const MAX_LEFT = 32;

/** Whether a message of `origin` is for the session: whether its worker would have given it to it. */
export function concerns(
  session: Session,
  origin: number,
  n: number,
  { nsp, rooms, except }: Address,
): boolean {
  if (nsp !== session.nsp || n <= (session.born.get(origin) ?? 0)) return false;
  const wasIn = (room: string): boolean =>
    session.stays.some(
      (stay) =>
        stay.room === room &&
        n > (stay.from.get(origin) ?? 0) &&
        (stay.to === undefined || n <= (stay.to.get(origin) ?? 0)),
    );
  return (rooms.length === 0 || rooms.some(wasIn)) && !except.some(wasIn);
}

/** The rooms in which it is. */
export function roomsOf({ stays }: Session): string[] {
  return stays.filter(({ to }) => to === undefined).map(({ room }) => room);
}

export function joined(session: Session, rooms: Iterable<string>, now: Vector): Session {
  const open = new Set(roomsOf(session));
  const added = [...rooms].filter((room) => !open.has(room));
  if (added.length === 0) return session;
  const stays = [...session.stays, ...added.map((room) => ({ room, from: now, to: undefined }))];
  return { ...session, stays, version: session.version + 1 };
}

export function left(session: Session, room: string, now: Vector): Session {
  const index = session.stays.findIndex((stay) => stay.room === room && stay.to === undefined);
  const stay = session.stays[index];
  if (stay === undefined) return session;
  const stays = [...session.stays];
  stays.splice(index, 1);
  const closed = [...stays.filter(({ to }) => to !== undefined), { ...stay, to: now }];
  const open = stays.filter(({ to }) => to === undefined);
  const forgotten = closed.length > MAX_LEFT ? closed[0]?.to : undefined;
  return {
    ...session,
    stays: [...closed.slice(-MAX_LEFT), ...open],
    floor: forgotten ?? session.floor,
    version: session.version + 1,
  };
}

/** Of two that tell of the same session, whether `next` is the later one. */
export function isLater(next: Session, known: Session | undefined): boolean {
  if (known === undefined) return true;
  if (next.version !== known.version) return next.version > known.version;
  return next.owner > known.owner;
}
