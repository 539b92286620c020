import type { ClusterMessage, ClusterResponse } from "socket.io-adapter";
import { adapterMessages } from "../../diagnostics.js";
import type { RecoveryVitals } from "../../protocol/mesh-messages.js";
import { FrameError, Kind } from "../mesh/frames.js";
import type { Mesh, MeshListener } from "../mesh/mesh.js";
import type { AdapterId, Peer } from "../mesh/peer.js";
import { broadcastFrame, readBroadcast } from "./broadcast-frame.js";
import { messageFrame, readMessage } from "./message-frame.js";
import { Type } from "./message-types.js";
import { RecoveryLink } from "./recovery-link.js";
import { RoomAudience, type RoomSeeds, roomSeeds, serversAmong } from "./room-audience.js";
import { type FoundSockets, readSockets, socketsFrame } from "./sockets-frame.js";
import type {
  ClusterTransport,
  EncodedBroadcast,
  Room,
  Sent,
  Station,
  WireOpts,
} from "./transport.js";

/** Takes the messages of adapters over the mesh, to the workers that they concern. */
export class MeshTransport implements ClusterTransport {
  readonly #mesh: Mesh;
  readonly #stations = new Map<string, Map<string, Station>>();
  readonly #seeds = new WeakMap<Station, RoomSeeds>();
  /** Rooms that are named like a socket's own, and were told like others. */
  readonly #borrowed = new WeakMap<Station, Set<Room>>();
  /** Servers of other workers, by namespace. */
  readonly #others = new Map<string, Map<string, Peer>>();
  #hasWarned = false;
  #recovery: RecoveryLink | undefined;
  /** This worker's number in the mesh, once it has entered. */
  id = 0;

  /** @param connect makes the mesh, which tells the listener that it is given */
  constructor(connect: (listener: Omit<MeshListener, "onStuck">) => Mesh) {
    this.#mesh = connect({
      onAdapter: (adapter, peer) => this.#onAdapter(adapter, peer),
      onAdapterGone: (adapter) => this.#onAdapterGone(adapter),
      onMessage: (kind, payload, peer) => this.#onMessage(kind, payload, peer),
      onMet: (id) => this.#recovery?.replica.met(id),
      onGone: (id) => this.#recovery?.replica.gone(id),
    });
  }

  /** What recovery needs of this worker; made when a server has it on, here or in another worker. */
  get recovery(): RecoveryLink {
    this.#recovery ??= new RecoveryLink(this.#mesh, this.id);
    return this.#recovery;
  }

  /** `undefined`: no server here has it on. */
  get recoveryStats(): RecoveryVitals | undefined {
    const replica = this.#recovery?.replica;
    return replica?.isActive ? replica.stats : undefined;
  }

  /** Whether there is any recovery. */
  get recovers(): boolean {
    return this.#recovery !== undefined;
  }

  open(station: Station): void {
    const { uid, wireName } = station;
    this.#seeds.set(station, roomSeeds(this.#mesh.seed, wireName));
    entry(this.#stations, wireName).set(uid, station);
    this.#mesh.open({ uid, nsp: wireName });
    for (const other of this.#othersOf(wireName).keys()) station.met(other);
  }

  close(station: Station): void {
    const { uid, wireName } = station;
    const ofNamespace = this.#stations.get(wireName);
    ofNamespace?.delete(uid);
    if (ofNamespace?.size === 0) this.#stations.delete(wireName);
    this.#mesh.close({ uid, nsp: wireName });
  }

  joined(station: Station, rooms: readonly Room[], socket: string, isFirst: boolean): void {
    if (rooms.length === 0 && !isFirst) return;
    const seeds = this.#seedsOf(station);
    const hashes = isFirst ? [seeds.namespace] : [];
    for (const room of rooms) {
      if (room === socket && seeds.isOwnRoom(room)) {
        this.#mesh.own.join([seeds.ownRoom(room)], "wait");
      } else {
        hashes.push(seeds.room(room));
        if (seeds.isOwnRoom(room)) this.#borrowedBy(station).add(room);
      }
    }
    if (hashes.length > 0) this.#mesh.own.join(hashes, "not wait");
  }

  left(station: Station, rooms: readonly Room[], isLast: boolean): void {
    const seeds = this.#seedsOf(station);
    const hashes = isLast ? [seeds.namespace] : [];
    for (const room of rooms) {
      const isOwn = seeds.isOwnRoom(room) && !this.#borrowedBy(station).delete(room);
      hashes.push(isOwn ? seeds.ownRoom(room) : seeds.room(room));
    }
    if (hashes.length > 0) this.#mesh.own.leave(hashes);
  }

  publish(station: Station, message: ClusterMessage, sent?: Sent): void {
    const frame = messageFrame(message); // now: the application may change what is in it
    const opts = "data" in message && "opts" in message.data ? message.data.opts : undefined;
    const joins = message.type === (Type.SOCKETS_JOIN as ClusterMessage["type"]);
    const seeds = this.#seedsOf(station);
    const rooms = joins ? (message as unknown as { data: { rooms: Room[] } }).data.rooms : [];
    const hashes = rooms.map((room) => seeds.room(room));
    this.#post(
      station,
      opts as WireOpts | undefined,
      () => frame,
      sent,
      (peer) => {
        if (joins) peer.presume(hashes);
      },
    );
  }

  broadcast(station: Station, broadcast: EncodedBroadcast, sent?: Sent): void {
    const { parts } = broadcast.packet;
    // Strings cannot change, so nothing is done for those who do not exist.
    let frame = parts.every((part) => typeof part === "string")
      ? undefined
      : broadcastFrame(broadcast);
    const make = (): Buffer => {
      frame ??= broadcastFrame(broadcast);
      return frame;
    };
    this.#post(station, broadcast.opts, make, sent);
  }

  respond(_station: Station, requesterUid: string, response: ClusterResponse): void {
    const others = this.#othersOf(response.nsp);
    const peer = others.get(requesterUid);
    if (peer === undefined) return;
    this.#mesh.answer(peer, messageFrame(response));
    tellSent(response.nsp, peer);
  }

  found(_station: Station, found: FoundSockets): void {
    const peer = this.#othersOf(found.nsp).get(found.requesterUid);
    if (peer === undefined) return;
    this.#mesh.answer(peer, socketsFrame(found));
    tellSent(found.nsp, peer);
  }

  told(): Promise<void> {
    return this.#mesh.told();
  }

  heard(): Promise<void> {
    return new Promise((resolve) => this.#mesh.post(resolve));
  }

  /** @param sentTo is called for each worker that the frame was sent to */
  #post(
    station: Station,
    opts: WireOpts | undefined,
    frame: () => Buffer,
    sent?: Sent,
    sentTo?: (peer: Peer) => void,
  ): void {
    const audience =
      opts === undefined
        ? serversAmong(() => this.#othersOf(station.wireName).values())
        : new RoomAudience(this.#seedsOf(station), opts.rooms, (id) => station.hasSocket(id));
    const say = (): void => {
      const { peers } = this.#mesh;
      const concerns = station.isForAll ? () => true : audience.among(peers.values());
      for (const peer of peers.values()) {
        if (concerns(peer)) {
          peer.sendData(frame());
          tellSent(station.wireName, peer);
          sentTo?.(peer);
        } else {
          peer.counters.suppressed++;
        }
      }
      if (sent === undefined) return;
      const concerned: string[] = [];
      const others: string[] = [];
      for (const [uid, peer] of this.#othersOf(station.wireName)) {
        (concerns(peer) ? concerned : others).push(uid);
      }
      sent(concerned, others);
    };
    if (station.isForAll) say();
    else this.#mesh.post(say);
  }

  #onAdapter({ uid, nsp }: AdapterId, peer: Peer): void {
    entry(this.#others, nsp).set(uid, peer);
    for (const station of this.#stationsOf(nsp)) station.met(uid);
  }

  #onAdapterGone({ uid, nsp }: AdapterId): void {
    const others = this.#others.get(nsp);
    others?.delete(uid);
    if (others?.size === 0) this.#others.delete(nsp);
    for (const station of this.#stationsOf(nsp)) station.lost(uid);
  }

  #onMessage(kind: number, payload: Buffer, peer: Peer): void {
    try {
      if (kind === Kind.BROADCAST) {
        const broadcast = readBroadcast(payload);
        for (const station of this.#stationsOf(broadcast.nsp)) station.receiveBroadcast(broadcast);
      } else if (kind === Kind.SOCKETS) {
        const found = readSockets(payload);
        this.#stations.get(found.nsp)?.get(found.requesterUid)?.receiveSockets(found);
      } else if (kind === Kind.MESSAGE) {
        const message = readMessage(payload);
        for (const station of this.#stationsOf(message.nsp)) station.receive(message);
      } else {
        this.recovery.receive(kind, payload, peer.id);
      }
    } catch (error) {
      if (error instanceof FrameError) this.#warn(peer, error);
      // The application's own code has thrown: as from any event, and what follows is read on.
      else process.nextTick(rethrow, error);
    }
  }

  /** What stands around it is whole, so what follows can be read. */
  #warn(peer: Peer, error: FrameError): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(
      `A message of worker ${peer.id} of the mesh was left out: ${error.message}. ` +
        `Others will be, without a word (${String(error.cause)})`,
      { code: "SUPERVISOR_BROKEN_MESSAGE" },
    );
  }

  #seedsOf(station: Station): RoomSeeds {
    return this.#seeds.get(station) ?? roomSeeds(this.#mesh.seed, station.wireName);
  }

  #borrowedBy(station: Station): Set<Room> {
    const borrowed = this.#borrowed.get(station) ?? new Set();
    this.#borrowed.set(station, borrowed);
    return borrowed;
  }

  #stationsOf(nsp: string): Iterable<Station> {
    return this.#stations.get(nsp)?.values() ?? [];
  }

  #othersOf(nsp: string): ReadonlyMap<string, Peer> {
    return this.#others.get(nsp) ?? NOBODY;
  }
}

const NOBODY: ReadonlyMap<string, Peer> = new Map();

function tellSent(nsp: string, { id }: Peer): void {
  if (adapterMessages.isHeard) adapterMessages.tell({ way: "mesh", nsp, to: id });
}

function rethrow(error: unknown): never {
  throw error;
}

function entry<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const found = map.get(key) ?? new Map<string, V>();
  map.set(key, found);
  return found;
}
