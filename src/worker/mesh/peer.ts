import {
  FRAME_HEAD,
  FrameError,
  frameOf,
  hashesFrame,
  jsonFrame,
  Kind,
  newFrame,
  readHashes,
} from "./frames.js";
import type { LaneName } from "./greeting.js";
import { HashTable } from "./hash-table.js";
import { Lane } from "./lane.js";

/** Hashes in one part of a snapshot: 64 KiB. */
const PART = 16 * 1024;

/** What somebody who waits for its word takes in this process, about (bytes). */
const WAIT_COST = 512;

/** An adapter of another worker, or our own: one namespace of one server. */
export interface AdapterId {
  readonly uid: string;
  /** The namespace, as messages between workers call it. */
  readonly nsp: string;
}

export interface PeerListener {
  onAdapter(peer: Peer, adapter: AdapterId): void;
  onAdapterGone(peer: Peer, adapter: AdapterId): void;
  onMessage(peer: Peer, kind: number, payload: Buffer): void;
  onBreak(peer: Peer, lane: LaneName, error: FrameError | undefined): void;
  onQueue(peer: Peer): void;
}

/** Another worker, as this one knows it: what it is interested in, and the two lanes to it. */
export class Peer {
  readonly id: number;
  /** Where it can be reached; unknown while it was faster than the primary's word of it, or `""`. */
  address: string | undefined;
  readonly lanes: Readonly<Record<LaneName, Lane>>;
  readonly adapters = new Map<string, AdapterId>();
  /** It is gone, or is about to be replaced: nothing is sent to it any more. */
  isClosed = false;
  readonly counters = { messages: 0, bytes: 0, suppressed: 0 };
  readonly #listener: PeerListener;
  readonly #rooms = new HashTable();
  /** All of its rooms are known. */
  #isKnown = false;
  /** Rooms that it left while its snapshot was on the way; `undefined`: it has arrived. */
  #leftMeanwhile: Set<number> | undefined = new Set();
  /** Rooms that its clients join because of what was sent to it, until it has said so itself. */
  readonly #presumed = new Map<number, number>();
  readonly #syncs = new Map<number, () => void>();
  #lastSync = 0;
  #hasIntroduced = false;
  #whenKnown: (() => void)[] = [];

  constructor(id: number, listener: PeerListener) {
    this.id = id;
    this.#listener = listener;
    this.lanes = { news: this.#lane("news"), data: this.#lane("data") };
  }

  /** Bytes that wait for it in this process; those who wait for its word count as well. */
  get waiting(): number {
    return this.lanes.news.waiting + this.lanes.data.waiting + this.#syncs.size * WAIT_COST;
  }

  /** Another number whenever it has read something of what waits for it. */
  get progress(): number {
    return this.lanes.news.progress + this.lanes.data.progress;
  }

  /** Grows whenever something has come from it, or a connection to it stands. */
  get signs(): number {
    const { news, data } = this.lanes;
    return news.received + data.received + Number(news.isAttached) + Number(data.isAttached);
  }

  /** Bytes of its rooms. */
  get tableBytes(): number {
    return this.#rooms.bytes;
  }

  get rooms(): number {
    return this.#rooms.size;
  }

  /** Whether all of its rooms are known. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Whether it may have a member of the room with this hash. */
  has(hash: number): boolean {
    return !this.#isKnown || this.knows(hash);
  }

  /** Whether it is known to have a member of that room. */
  knows(hash: number): boolean {
    return this.#rooms.has(hash) || this.#presumed.has(hash);
  }

  /** Says who we are: our adapters, and all of our rooms. */
  introduce(adapters: readonly AdapterId[], rooms: Uint32Array): void {
    this.sendNews(jsonFrame(Kind.INTRODUCTION, adapters));
    const sendPart = (start: number): void => {
      if (this.isClosed) return;
      const end = Math.min(start + PART, rooms.length);
      if (end > start) this.lanes.data.send(hashesFrame(Kind.SNAPSHOT, rooms.subarray(start, end)));
      if (end < rooms.length) setImmediate(sendPart, end);
      else this.lanes.data.send(newFrame(Kind.SNAPSHOT_END, 0));
    };
    sendPart(0);
  }

  /** Leaves at once: whoever is told by a client of ours must not be faster. */
  sendNews(frame: Buffer): void {
    if (this.isClosed) return;
    this.lanes.news.send(frame);
    this.lanes.news.flush();
    this.#listener.onQueue(this);
  }

  /** Leaves with all else that this turn of the event loop produces for it. */
  sendData(frame: Buffer): void {
    if (this.isClosed) return;
    this.counters.messages++;
    this.counters.bytes += frame.length;
    this.lanes.data.send(frame);
    this.#listener.onQueue(this);
  }

  /** Its clients join rooms when it has read what it is being sent: so they count already. */
  presume(hashes: readonly number[]): void {
    if (this.isClosed || hashes.length === 0) return;
    const sync = this.#sync("data", () => {
      for (const hash of hashes) if (this.#presumed.get(hash) === sync) this.#presumed.delete(hash);
    });
    for (const hash of hashes) this.#presumed.set(hash, sync);
  }

  /** Resolves when it has read all news that it was sent, or is gone. */
  told(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isClosed) resolve();
      else this.#sync("news", resolve);
    });
  }

  /** Resolves when it has introduced itself and all of its rooms are known, or it is gone. */
  known(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isClosed || (this.#isKnown && this.#hasIntroduced)) resolve();
      else this.#whenKnown.push(resolve);
    });
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const lane of Object.values(this.lanes)) lane.close();
    for (const settle of [...this.#syncs.values(), ...this.#whenKnown]) settle();
    this.#syncs.clear();
    for (const adapter of this.adapters.values()) this.#listener.onAdapterGone(this, adapter);
    this.adapters.clear();
  }

  #lane(name: LaneName): Lane {
    return new Lane({
      onFrame: (kind, payload) => this.#onFrame(name, kind, payload),
      // Answers need not wait for the end of the turn.
      onRead: () => this.lanes.data.flush(),
      onAckDue: (offset) => {
        const frame = newFrame(Kind.ACK, 9);
        frame[FRAME_HEAD] = name === "news" ? 0 : 1;
        frame.writeDoubleLE(offset, FRAME_HEAD + 1);
        this.sendNews(frame);
      },
      onBreak: (error) => this.#listener.onBreak(this, name, error),
    });
  }

  #sync(lane: LaneName, done: () => void): number {
    this.#lastSync = (this.#lastSync + 1) >>> 0;
    const id = this.#lastSync;
    this.#syncs.set(id, done);
    const frame = hashesFrame(Kind.SYNC, [id]);
    if (lane === "news") this.sendNews(frame);
    else this.lanes.data.send(frame);
    return id;
  }

  /** @throws FrameError */
  #onFrame(lane: LaneName, kind: number, payload: Buffer): void {
    switch (kind) {
      case Kind.INTRODUCTION:
        for (const adapter of readAdapters(payload)) this.#open(adapter);
        this.#hasIntroduced = true;
        this.#checkKnown();
        break;
      case Kind.ADAPTER_OPEN:
        for (const adapter of readAdapters(payload)) this.#open(adapter);
        break;
      case Kind.ADAPTER_CLOSE:
        for (const { uid } of readAdapters(payload)) this.#close(uid);
        break;
      case Kind.JOIN:
        for (const hash of readHashes(payload)) {
          this.#leftMeanwhile?.delete(hash);
          this.#rooms.add(hash);
        }
        break;
      case Kind.LEAVE:
        for (const hash of readHashes(payload)) {
          this.#leftMeanwhile?.add(hash);
          this.#rooms.remove(hash);
        }
        break;
      case Kind.SNAPSHOT:
        for (const hash of readHashes(payload)) {
          if (!this.#leftMeanwhile?.has(hash)) this.#rooms.add(hash);
        }
        break;
      case Kind.SNAPSHOT_END:
        this.#leftMeanwhile = undefined;
        this.#isKnown = true;
        this.#checkKnown();
        break;
      case Kind.SYNC:
        // On the way of the news, behind what reading the data led to.
        this.sendNews(frameOf(Kind.SYNCED, payload));
        break;
      case Kind.SYNCED:
        for (const id of readHashes(payload)) {
          const done = this.#syncs.get(id);
          this.#syncs.delete(id);
          done?.();
        }
        break;
      case Kind.ACK:
        if (payload.length !== 9) throw new FrameError("An acknowledgement has nine bytes");
        this.lanes[payload[0] === 0 ? "news" : "data"].heardAck(payload.readDoubleLE(1));
        break;
      case Kind.GREETING:
        throw new FrameError("A second greeting");
      default:
        if (lane === "news") throw new FrameError("Data among the news");
        this.#listener.onMessage(this, kind, payload);
    }
  }

  #open(adapter: AdapterId): void {
    this.adapters.set(adapter.uid, adapter);
    this.#listener.onAdapter(this, adapter);
  }

  #close(uid: string): void {
    const adapter = this.adapters.get(uid);
    if (adapter === undefined) return;
    this.adapters.delete(uid);
    this.#listener.onAdapterGone(this, adapter);
  }

  #checkKnown(): void {
    if (!this.#isKnown || !this.#hasIntroduced) return;
    for (const resolve of this.#whenKnown.splice(0)) resolve();
  }
}

/** @throws FrameError */
function readAdapters(payload: Buffer): AdapterId[] {
  let list: unknown;
  try {
    list = JSON.parse(payload.toString());
  } catch (cause) {
    throw new FrameError("Adapters that are not JSON", { cause });
  }
  if (Array.isArray(list) && list.every(isAdapter)) return list;
  throw new FrameError("A list of adapters that is none");
}

const isAdapter = (value: unknown): value is AdapterId =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as AdapterId).uid === "string" &&
  typeof (value as AdapterId).nsp === "string";
