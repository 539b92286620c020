import type { ClusterMessage, ClusterResponse } from "socket.io-adapter";
import type { EncodedPacket } from "./encoded-packet.js";
import type { FoundSockets } from "./sockets-frame.js";

export type Room = string;

/** `opts` of a message, as it travels. */
export interface WireOpts {
  rooms: Room[];
  except: Room[];
  flags: { volatile?: boolean; compress?: boolean; local?: boolean; timeout?: number };
}

/** A broadcast, encoded for clients. */
export interface EncodedBroadcast {
  uid: string;
  nsp: string;
  opts: WireOpts;
  packet: EncodedPacket;
  /** Set when the clients' acknowledgements are wanted. */
  requestId: string | undefined;
}

/** An adapter (one namespace of one server in this worker), as a transport sees it. */
export interface Station {
  /** Names it in the whole cluster. */
  readonly uid: string;
  /** Its namespace, as messages between workers call it. */
  readonly wireName: string;
  /** What it says concerns all workers, and leaves in the order in which all else is said. */
  readonly isForAll?: boolean;
  /** A server of this namespace in another worker is there, or no longer. */
  met(uid: string): void;
  lost(uid: string): void;
  receive(message: ClusterMessage): void;
  receiveBroadcast(broadcast: EncodedBroadcast): void;
  receiveSockets(found: FoundSockets): void;
  /** Whether a client of this worker has this id. */
  hasSocket(id: string): boolean;
}

/**
 * Gets the uids of the servers that a message was just sent to, and of those that it was not sent
 * to, since it does not concern them.
 */
export type Sent = (concerned: string[], unconcerned: string[]) => void;

/**
 * What stands below the adapters of a worker: takes messages to the other workers, and tells who
 * is there. What is published by one worker arrives in each other one in that order (M1).
 */
export interface ClusterTransport {
  open(station: Station): void;
  close(station: Station): void;
  /** Rooms have their first member here; `socket`: the one that joins. */
  joined(station: Station, rooms: readonly Room[], socket: string, isFirst: boolean): void;
  /** Rooms have no member here any more; `isLast`: nor does the namespace. */
  left(station: Station, rooms: readonly Room[], isLast: boolean): void;
  publish(station: Station, message: ClusterMessage, sent?: Sent): void;
  broadcast(station: Station, broadcast: EncodedBroadcast, sent?: Sent): void;
  respond(station: Station, requesterUid: string, response: ClusterResponse): void;
  /** Answers `fetchSockets()`. */
  found(station: Station, found: FoundSockets): void;
  /** Resolves when all others know of all members here. */
  told(): Promise<void>;
  /** Resolves when what the others have told before is known here. */
  heard(): Promise<void>;
}
