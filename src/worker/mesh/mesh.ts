import type { Duplex } from "node:stream";
import { FrameError, hashesFrame, jsonFrame, Kind } from "./frames.js";
import { type Greeting, type LaneName, readGreeting, sendGreeting } from "./greeting.js";
import type { Lane } from "./lane.js";
import { Outbox } from "./outbox.js";
import { OwnRooms } from "./own-rooms.js";
import { type AdapterId, Peer, type PeerListener } from "./peer.js";
import { QueueGuard } from "./queue-guard.js";
import { acquainted } from "./readiness.js";
import type { Wire } from "./wire.js";

/** How long a connection may take to say whose it is (ms). */
const GREETING_TIMEOUT = 10_000;

/** ms before the second try to reach a worker again; doubles. */
const REDIAL = { first: 10, most: 1_000 };

/** What the primary says of the mesh when a worker enters it. */
export interface Entrance {
  /** Greater than those of all who entered before. */
  id: number;
  key: string;
  seed: number;
  members: readonly Member[];
}

export interface Member {
  id: number;
  address: string;
}

export interface MeshListener {
  /** An adapter of another worker is there, or no longer. */
  onAdapter(adapter: AdapterId, peer: Peer): void;
  onAdapterGone(adapter: AdapterId): void;
  /** Frames of kinds that the mesh itself does not know. */
  onMessage(kind: number, payload: Buffer, peer: Peer): void;
  /** A worker is there, which may not be connected yet; it is gone. */
  onMet?(id: number): void;
  onGone?(id: number): void;
  /** This worker has given up on another one, which cannot stay. */
  onStuck(id: number, why: string): void;
}

/** Counters, since the start of this worker. */
export interface MeshStats {
  peers: number;
  /** Sent; one that goes to three workers counts three times. */
  messages: number;
  bytes: number;
  /** Not sent, since they did not concern the worker. */
  suppressed: number;
  /** Bytes that wait in this process. */
  queue: number;
  /** Rooms of all workers that this one knows. */
  rooms: number;
  /** Bytes of the tables of rooms. */
  tableBytes: number;
}

/**
 * Direct connections to all other workers.
 *
 * The primary says who is there, and numbers them (M4): each connects to those with lower numbers,
 * so two that start at once do not miss each other. Until a worker has told all of its rooms,
 * everything concerns it; so a connection that is late costs messages, and loses none.
 */
export class Mesh {
  readonly own: OwnRooms;
  readonly peers = new Map<number, Peer>();
  readonly version: number;
  readonly #wire: Wire;
  readonly #listener: MeshListener;
  readonly #outbox = new Outbox(() => this.#flush());
  readonly #adapters = new Map<string, AdapterId>();
  readonly #guard: QueueGuard;
  readonly #past = { messages: 0, bytes: 0, suppressed: 0 };
  /** Connections that were not answered yet: of each lane the last one. */
  readonly #dialled = new WeakMap<Lane, Duplex>();
  #self: Omit<Entrance, "members"> | undefined;
  /** It can be reached; one that cannot connects to all others itself. */
  #listens = false;
  /** The highest number that the primary has told of. */
  #lastTold = 0;
  /** Greetings that came before the primary's answer. */
  readonly #early: (() => void)[] = [];

  constructor(wire: Wire, version: number, maxQueue: number, listener: MeshListener) {
    this.#wire = wire;
    this.version = version;
    this.#listener = listener;
    this.#guard = new QueueGuard(maxQueue, (peer, why) => this.#giveUp(peer, why));
    this.own = new OwnRooms((joined, left) => this.#tellRooms(joined, left));
  }

  /** @throws when it has not entered yet */
  get seed(): number {
    if (this.#self === undefined) throw new Error("The mesh has no seed before enter()");
    return this.#self.seed;
  }

  get stats(): MeshStats {
    const stats = { peers: this.peers.size, ...this.#past, queue: 0, rooms: 0, tableBytes: 0 };
    stats.rooms = this.own.size;
    stats.tableBytes = this.own.bytes;
    for (const peer of this.peers.values()) {
      stats.messages += peer.counters.messages;
      stats.bytes += peer.counters.bytes;
      stats.suppressed += peer.counters.suppressed;
      stats.queue += peer.waiting;
      stats.rooms += peer.rooms;
      stats.tableBytes += peer.tableBytes;
    }
    return stats;
  }

  /** Bytes that wait in this process, by the number of the worker that they wait for. */
  get queues(): [id: number, bytes: number][] {
    return Array.from(this.peers.values(), ({ id, waiting }): [number, number] => [
      id,
      waiting,
    ]).filter(([, waiting]) => waiting > 0);
  }

  /**
   * Until a second address is there, the first one counts.
   *
   * @returns the address to tell the primary
   */
  async listen(): Promise<string> {
    try {
      const address = await this.#wire.listen((socket) => this.#accept(socket));
      this.#listens = true;
      return address;
    } catch (error) {
      this.#listens = false;
      throw error;
    }
  }

  /** The primary has answered; connects to those who are there. */
  enter({ members, ...self }: Entrance): void {
    this.#self = self;
    this.#lastTold = Math.max(this.#lastTold, self.id);
    for (const member of members) this.joined(member);
    for (const greet of this.#early.splice(0)) greet();
  }

  /** Resolves when all who are there know this worker, and it knows them; see `acquainted()`. */
  ready(): Promise<void> {
    return acquainted([...this.peers.values()]);
  }

  joined({ id, address }: Member): void {
    if (id === this.#self?.id) return;
    this.#lastTold = Math.max(this.#lastTold, id);
    const peer = this.peers.get(id) ?? this.#meet(id);
    const hasMoved = peer.address !== address;
    peer.address = address;
    if (!this.#dials(peer)) return;
    for (const name of ["news", "data"] as const) {
      if (hasMoved) this.#hangUp(peer.lanes[name]);
      this.#dial(peer, name);
    }
  }

  /** Of two, the one that came later connects; unless it alone can be reached. */
  #dials(peer: Peer): boolean {
    if (this.#self === undefined || !peer.address) return false;
    return peer.id < this.#self.id || !this.#listens;
  }

  gone(id: number): void {
    this.#lastTold = Math.max(this.#lastTold, id);
    const peer = this.peers.get(id);
    if (peer === undefined) return;
    peer.close();
    this.peers.delete(id);
    for (const name of ["messages", "bytes", "suppressed"] as const) {
      this.#past[name] += peer.counters[name];
    }
    this.#listener.onGone?.(id);
  }

  /** An adapter of this worker; the others know before this returns, unless they are late. */
  open(adapter: AdapterId): void {
    this.#adapters.set(adapter.uid, adapter);
    this.#news(jsonFrame(Kind.ADAPTER_OPEN, [adapter]));
  }

  close(adapter: AdapterId): void {
    this.#adapters.delete(adapter.uid);
    this.#news(jsonFrame(Kind.ADAPTER_CLOSE, [adapter]));
  }

  /** Sends when it can be decided whom it concerns, and in order; see `Outbox`. */
  post(send: () => void): void {
    this.#outbox.post(send);
  }

  /** Sends an answer to one worker: at once, unless something that was said before still waits. */
  answer(peer: Peer, frame: Buffer): void {
    if (this.#outbox.isEmpty) peer.sendData(frame);
    else this.#outbox.post(() => peer.sendData(frame));
  }

  /** Resolves when all others know the rooms that have a member here now. */
  async told(): Promise<void> {
    this.own.flush();
    await Promise.all(Array.from(this.peers.values(), (peer) => peer.told()));
  }

  /** What was said leaves now: the process ends. */
  flush(): void {
    this.own.flush();
    this.#outbox.flush();
  }

  #flush(): void {
    for (const peer of this.peers.values()) peer.lanes.data.flush();
  }

  #news(frame: Buffer): void {
    for (const peer of this.peers.values()) peer.sendNews(frame);
  }

  #tellRooms(joined: readonly number[], left: readonly number[]): void {
    const frames: Buffer[] = [];
    if (joined.length > 0) frames.push(hashesFrame(Kind.JOIN, joined));
    if (left.length > 0) frames.push(hashesFrame(Kind.LEAVE, left));
    const [first, second] = frames;
    if (first !== undefined) this.#news(second === undefined ? first : Buffer.concat(frames));
  }

  #meet(id: number): Peer {
    const listener: PeerListener = {
      onAdapter: (peer, adapter) => this.#listener.onAdapter(adapter, peer),
      onAdapterGone: (_, adapter) => this.#listener.onAdapterGone(adapter),
      onMessage: (peer, kind, payload) => this.#listener.onMessage(kind, payload, peer),
      onBreak: (peer, lane, error) => this.#onBreak(peer, lane, error),
      onQueue: (peer) => this.#guard.check(peer),
    };
    const peer = new Peer(id, listener);
    const rooms = this.own.snapshot();
    this.peers.set(id, peer);
    peer.introduce([...this.#adapters.values()], rooms);
    this.#listener.onMet?.(id);
    return peer;
  }

  #onBreak(peer: Peer, lane: LaneName, error: FrameError | undefined): void {
    if (error !== undefined) this.#giveUp(peer, `sends what cannot be read (${error.message})`);
    else if (this.#dials(peer)) this.#dial(peer, lane);
  }

  #giveUp(peer: Peer, why: string): void {
    if (peer.isClosed) return;
    peer.close();
    this.#listener.onStuck(peer.id, why);
  }

  #dial(peer: Peer, name: LaneName, delay = REDIAL.first): void {
    const { address } = peer;
    const lane = peer.lanes[name];
    if (peer.isClosed || lane.isAttached || !address || this.#dialled.has(lane)) return;
    const socket = this.#wire.dial(address);
    this.#dialled.set(lane, socket);
    socket.on("error", () => socket.destroy()); // "close" follows
    socket.once("close", () => {
      if (this.#dialled.get(lane) !== socket) return;
      this.#dialled.delete(lane);
      if (peer.isClosed || lane.isAttached) return;
      // It is ending, which the primary will say, or somebody is out of descriptors.
      const most = Math.min(2 * delay, REDIAL.most);
      setTimeout(() => this.#dial(peer, name, most), delay).unref();
    });
    const { read } = lane;
    sendGreeting(socket, this.#greeting(peer.id, name, read));
    readGreeting(socket, (greeting, early) => {
      // What was read meanwhile, over a connection of the other side's, would come again.
      const isLate = lane.isAttached || lane.read !== read || this.#dialled.get(lane) !== socket;
      if (greeting.from !== peer.id || isLate || peer.isClosed) {
        socket.destroy();
        return;
      }
      this.#dialled.delete(lane);
      this.#attach(peer, name, socket, greeting, early);
    });
  }

  #hangUp(lane: Lane): void {
    const socket = this.#dialled.get(lane);
    this.#dialled.delete(lane);
    socket?.destroy();
  }

  #accept(socket: Duplex): void {
    socket.on("error", () => socket.destroy());
    const timer = setTimeout(() => socket.destroy(), GREETING_TIMEOUT).unref();
    socket.once("close", () => clearTimeout(timer));
    readGreeting(socket, (greeting, early) => {
      clearTimeout(timer);
      if (this.#self === undefined) this.#early.push(() => this.#greet(socket, greeting, early));
      else this.#greet(socket, greeting, early);
    });
  }

  /** Somebody has come in. */
  #greet(socket: Duplex, greeting: Greeting, early: Buffer): void {
    const { from, lane: name } = greeting;
    const self = this.#self;
    const known = this.peers.get(from);
    const isMember =
      greeting.key === self?.key &&
      greeting.to === self.id &&
      greeting.version === this.version &&
      // Whom the primary has not told of yet is new; whom it has, and who is not there, is gone.
      (known !== undefined ? !known.isClosed : from > this.#lastTold);
    if (!isMember || socket.destroyed) {
      socket.destroy();
      return;
    }
    const peer = known ?? this.#meet(from);
    const lane = peer.lanes[name];
    if (greeting.read < lane.acked) {
      socket.destroy(); // overtaken by another connection: the other side tries again
      return;
    }
    lane.detach(); // the other side knows that the earlier connection is gone
    sendGreeting(socket, this.#greeting(from, name, lane.read));
    this.#attach(peer, name, socket, greeting, early);
  }

  #attach(peer: Peer, name: LaneName, socket: Duplex, { read }: Greeting, early: Buffer): void {
    try {
      peer.lanes[name].attach(socket, read, early);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      socket.destroy();
      this.#giveUp(peer, `cannot go on where it was (${error.message})`);
    }
  }

  #greeting(to: number, lane: LaneName, read: number): Greeting {
    const { key, id } = this.#self ?? { key: "", id: 0 };
    return { version: this.version, key, from: id, to, lane, read };
  }
}
