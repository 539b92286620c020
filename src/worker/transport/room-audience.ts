import { hashOf } from "../mesh/hash-table.js";
import type { Peer } from "../mesh/peer.js";
import type { Room } from "./transport.js";

/** Mixed into the hash of a socket's own room, as its owner tells it. */
const OWN = 0x5f356495;

/**
 * The ids that socket.io gives to sockets: 15 bytes in base64url, the last three a number that
 * counts the ids of the process. Those above 4,194,303 are not taken for ids, which costs news;
 * other names that look alike cost messages. Neither loses any.
 */
const SOCKET_ID = /^[\w-]{16}[A-P][\w-]{3}$/;

/** How the rooms of one namespace are hashed. */
export interface RoomSeeds {
  /** Of the namespace itself: it has a client. */
  readonly namespace: number;
  room(room: Room): number;
  /** Of the room that each socket has for itself: told by the worker that has the socket. */
  ownRoom(id: string): number;
  /** Whether a name is that of such a room. */
  isOwnRoom(room: Room): boolean;
}

export function roomSeeds(seed: number, wireName: string): RoomSeeds {
  const namespace = hashOf(seed, wireName);
  const own = hashOf(seed ^ OWN, wireName);
  return {
    namespace,
    room: (room) => hashOf(namespace, String(room)),
    ownRoom: (id) => hashOf(own, id),
    isOwnRoom: (room) => typeof room === "string" && SOCKET_ID.test(room),
  };
}

/** Decides which workers a message concerns. */
export interface Audience {
  among(peers: Iterable<Peer>): (peer: Peer) => boolean;
}

/** The workers that have a server of the namespace, whether or not it has clients. */
export function serversAmong(servers: () => Iterable<Peer>): Audience {
  return {
    among: () => {
      const known = new Set(servers());
      return (peer) => !peer.isKnown || known.has(peer);
    },
  };
}

/**
 * The workers that have a member of one of the rooms, or a client of the namespace when there are
 * none.
 *
 * Each socket has a room of its own, so news of those would be a message to all workers for each
 * connection. They wait for company instead; and a message to such a room of which nobody has told
 * yet goes to everybody.
 */
export class RoomAudience implements Audience {
  readonly #hashes: number[] = [];
  /** Own rooms that are not of this worker. */
  readonly #elsewhere: number[] = [];

  constructor(seeds: RoomSeeds, rooms: readonly Room[], isHere: (id: string) => boolean) {
    if (rooms.length === 0) this.#hashes.push(seeds.namespace);
    for (const room of rooms) {
      this.#hashes.push(seeds.room(room));
      if (seeds.isOwnRoom(room) && !isHere(room)) this.#elsewhere.push(seeds.ownRoom(room));
    }
  }

  among(peers: Iterable<Peer>): (peer: Peer) => boolean {
    const hashes = this.#hashes;
    const elsewhere = this.#elsewhere;
    if (elsewhere.length > 0) {
      const all = [...peers];
      for (const hash of elsewhere) {
        if (!all.some((peer) => peer.knows(hash))) return () => true;
      }
    }
    return (peer) => {
      for (const hash of hashes) if (peer.has(hash)) return true;
      for (const hash of elsewhere) if (peer.has(hash)) return true;
      return false;
    };
  }
}
