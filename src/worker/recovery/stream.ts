import { type Address, addressOf, type Entry, Logs } from "./log.js";
import type { Part } from "./messages.js";
import { Offsets } from "./offsets.js";
import type { Outside } from "./outside.js";
import {
  checkpointPayload,
  isCheckpoint,
  isSessions,
  readCheckpoint,
  readSessions,
} from "./own-payloads.js";
import type { Session } from "./sessions.js";
import { partOf } from "./teller.js";
import type { Checkpoint, Vector } from "./vector.js";

export interface StreamListener {
  /** A message is about to be numbered; what has to be before it comes now. */
  beforeNumber(): void;
  /** A worker is about to be sent something numbered. */
  beforeSend(peer: number): void;
  onSessions(sessions: Session[]): void;
}

/**
 * What all origins send, as this worker has got it: numbers its own, keeps all, and gives each
 * message to the clients of this worker once, in its origin's order.
 */
export class Stream {
  readonly logs: Logs;
  readonly #outside: Outside;
  readonly #listener: StreamListener;
  /** How far this worker is: what it has given to its clients. */
  readonly #marks = new Map<number, number>();
  /** A copy for those who keep it, until something changes. */
  #snapshot: Vector | undefined;
  readonly #offsets: Offsets;
  /** Messages that listeners of the application send while one is delivered: they come after it. */
  readonly #due: Entry[] = [];
  #isDelivering = false;

  constructor(outside: Outside, maxBytes: number, listener: StreamListener) {
    this.#outside = outside;
    this.#listener = listener;
    this.logs = new Logs(maxBytes);
    this.#offsets = this.offsets();
    this.begin(outside.id, 0);
  }

  get marks(): Vector {
    return this.#marks;
  }

  /** How far it is now, to be kept. */
  now(): Vector {
    this.#snapshot ??= new Map(this.#marks);
    return this.#snapshot;
  }

  /** An origin is known from the message after `last` on. */
  begin(origin: number, last: number): void {
    this.#marks.set(origin, last);
    this.logs.begin(origin, last);
    this.#snapshot = undefined;
  }

  /** Nobody can miss anything of it any more. */
  forget(origin: number): void {
    this.logs.drop(origin);
    this.#marks.delete(origin);
    this.#snapshot = undefined;
  }

  /** Numbers it, and gives it to all workers and to the clients of this one. */
  emit(address: Address, payload: Uint8Array): void {
    this.#deliver(this.append(address, payload));
  }

  /** Numbers it, and gives it to all workers; one of them has it for sure when this returns. */
  append(content: Entry["content"], payload: Uint8Array): Entry {
    this.#listener.beforeNumber();
    const origin = this.#outside.id;
    const n = (this.#marks.get(origin) ?? 0) + 1;
    const entry: Entry = { origin, n, payload, content };
    const peers = this.#outside.peers();
    for (const peer of peers) {
      this.#listener.beforeSend(peer);
      this.#outside.sendEntry(peer, n, payload);
    }
    // Each has another one: the next in the ring.
    const next = peers.find((peer) => peer > origin) ?? peers[0];
    if (next !== undefined) this.#outside.flush(next);
    this.#keep(entry);
    return entry;
  }

  /** The next message of an origin; one that was there already is passed over. */
  accept(origin: number, n: number, payload: Uint8Array): void {
    const mark = this.#marks.get(origin) ?? 0;
    if (n <= mark) return;
    // A hole: what comes before it cannot be told to anybody any more.
    if (n > mark + 1) this.begin(origin, n - 1);
    const entry = this.#read(origin, n, payload);
    this.#keep(entry);
    if (isSessions(payload)) this.#listener.onSessions(readSessions(payload));
    else this.#deliver(entry);
  }

  acceptPart({ origin, first, payloads }: Part): void {
    if (!this.#marks.has(origin)) return; // it was never to give any of it to its clients
    for (const [index, payload] of payloads.entries()) this.accept(origin, first + index, payload);
  }

  /** What was sent before this worker was there: for clients that come back, not for those here. */
  prepend({ origin, first, payloads }: Part): void {
    const entries = payloads.map((payload, index) => this.#read(origin, first + index, payload));
    this.logs.prepend(origin, entries);
  }

  /** What comes after a message of an origin, as far as it is there. */
  partAfter(origin: number, after: number): Part | undefined {
    const entries: Entry[] = [];
    for (let n = after + 1; ; n++) {
      const entry = this.logs.get(origin, n);
      if (entry === undefined) break;
      entries.push(entry);
    }
    return partOf(entries);
  }

  /** What a client that gets something now has got then, as a text that it will send back. */
  offset(): string {
    return this.#offsets.of(this.#marks, ({ origin, n }) => this.logs.get(origin, n) !== undefined);
  }

  /** Offsets with a checkpoint of their own, for a client that is not as far as this worker. */
  offsets(): Offsets {
    return new Offsets((at) => this.#writeCheckpoint(at));
  }

  #writeCheckpoint(at: Vector): Checkpoint {
    const vector = new Map(at);
    const { origin, n } = this.append(vector, checkpointPayload(vector));
    return { origin, n, vector };
  }

  #read(origin: number, n: number, payload: Uint8Array): Entry {
    if (isSessions(payload)) return { origin, n, payload, content: undefined };
    const content = isCheckpoint(payload) ? readCheckpoint(payload) : this.#outside.read(payload);
    return { origin, n, payload, content };
  }

  #keep(entry: Entry): void {
    this.logs.append(entry);
    this.#marks.set(entry.origin, entry.n);
    this.#snapshot = undefined;
  }

  #deliver(entry: Entry): void {
    this.#due.push(entry);
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift()) {
        const address = addressOf(next);
        if (address !== undefined) this.#outside.deliver(next, address);
      }
    } finally {
      this.#isDelivering = false;
    }
  }
}
