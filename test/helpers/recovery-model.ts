import { type Address, addressOf, type Entry } from "../../src/worker/recovery/log.js";
import type { RecoveryMessage } from "../../src/worker/recovery/messages.js";
import type { Outside } from "../../src/worker/recovery/outside.js";
import { Replica } from "../../src/worker/recovery/replica.js";
import { concerns, roomsOf, type Session } from "../../src/worker/recovery/sessions.js";
import type { Random } from "./random.js";

/** Thrown through a worker that is killed between two writes. */
class Killed extends Error {}

type Frame =
  | { kind: "entry"; n: number; payload: Uint8Array }
  | { kind: "message"; message: RecoveryMessage };

interface Packet {
  connect?: { sid: string; pid: string; recovered: boolean };
  event?: { origin: number; n: number };
  offset?: string;
}

/** A connection of a client: what was written to it may arrive, in order, until it breaks. */
interface Connection {
  readonly client: ModelClient;
  readonly worker: ModelWorker;
  readonly wire: Packet[];
  isCut: boolean;
  pid: string;
  sid: string;
  isConnected: boolean;
}

const NSP = "/";
const ROOMS = ["a", "b", "c", "d"];

const encode = (address: Address): Uint8Array => Buffer.from(JSON.stringify(address));

/** A client as socket.io-client is one: keeps its pid and the last offset. */
class ModelClient {
  pid: string | undefined;
  sid: string | undefined;
  offset: string | undefined;
  /** Since its session began. */
  received: { origin: number; n: number }[] = [];
  connection: Connection | undefined;
  /** Where it has asked to be restored, and waits. */
  tryingAt: ModelWorker | undefined;
  recovered = 0;
  fresh = 0;

  take(connection: Connection, { connect, event, offset }: Packet): void {
    if (connect !== undefined) {
      if (connect.recovered) {
        if (this.pid !== connect.pid) throw new Error("recovered under another pid");
        if (this.sid !== connect.sid) throw new Error("recovered under another id");
        this.recovered++;
      } else {
        this.received = [];
        this.offset = undefined;
        this.fresh++;
      }
      this.pid = connect.pid;
      this.sid = connect.sid;
      this.connection = connection;
    } else if (event !== undefined) {
      this.received.push(event);
      this.offset = offset;
    }
  }
}

class ModelWorker implements Outside {
  readonly id: number;
  readonly world: RecoveryWorld;
  readonly replica: Replica;
  readonly known = new Set<number>();
  /** Not in the kernel yet: lost when it is killed. */
  readonly unsent = new Map<number, Frame[]>();
  readonly sockets = new Map<string, Connection>();
  readonly soonActs: (() => void)[] = [];
  timers: (() => void)[] = [];
  isDead = false;
  isActive = false;

  constructor(world: RecoveryWorld, id: number, members: readonly number[]) {
    this.world = world;
    this.id = id;
    for (const member of members) this.known.add(member);
    this.replica = new Replica(this, {
      maxBytes: world.maxBytes,
      maxDisconnectionDuration: 60_000,
    });
  }

  peers(): number[] {
    return [...this.known].sort((a, b) => a - b);
  }

  sendEntry(to: number, n: number, payload: Uint8Array): void {
    this.#queue(to, { kind: "entry", n, payload });
  }

  send(to: number, message: RecoveryMessage): void {
    // As it travels: nobody shares anything with anybody.
    this.#queue(to, { kind: "message", message: structuredClone(message) });
  }

  #queue(to: number, frame: Frame): void {
    this.unsent.set(to, [...(this.unsent.get(to) ?? []), frame]);
  }

  flush(to: number): void {
    this.world.step(this);
    this.world.channel(this.id, to).push(...(this.unsent.get(to) ?? []));
    this.unsent.delete(to);
  }

  /** What the end of a turn does. */
  flushAll(): void {
    this.replica.roster.flush();
    for (const to of [...this.unsent.keys()]) this.flush(to);
  }

  read(payload: Uint8Array): Address {
    return JSON.parse(Buffer.from(payload).toString());
  }

  deliver(entry: Entry, { rooms, except }: Address): void {
    let offset: string | undefined;
    for (const [pid, socket] of this.sockets) {
      const session = this.replica.session(pid);
      if (session === undefined || !socket.isConnected) continue;
      const own = new Set(roomsOf(session));
      if (rooms.length > 0 && !rooms.some((room) => own.has(room))) continue;
      if (except.some((room) => own.has(room))) continue;
      offset ??= this.replica.offset();
      this.write(socket, { event: { origin: entry.origin, n: entry.n }, offset });
    }
  }

  write(socket: Connection, packet: Packet): void {
    this.world.step(this);
    if (!socket.isCut) socket.wire.push(packet);
  }

  probe(session: Session, tell: (isAlive: boolean) => void): void {
    const socket = this.sockets.get(session.pid);
    const isAlive = socket !== undefined && !socket.isCut;
    if (socket !== undefined && !isAlive) this.closed(socket);
    tell(isAlive);
  }

  yield(session: Session): void {
    const socket = this.sockets.get(session.pid);
    if (socket === undefined) return;
    socket.isCut = true;
    this.sockets.delete(session.pid);
  }

  /** It has noticed that a connection is gone. */
  closed(socket: Connection): void {
    if (this.sockets.get(socket.pid) !== socket) return;
    this.sockets.delete(socket.pid);
    if (socket.isConnected) this.replica.roster.disconnected(socket.pid);
    else this.replica.roster.abandoned(socket.pid);
  }

  now(): number {
    return this.world.now;
  }

  every(_: number, act: () => void): () => void {
    this.timers.push(act);
    return () => {};
  }

  soon(act: () => void): void {
    this.soonActs.push(act);
  }
}

export interface WorldOptions {
  workers: number;
  clients: number;
  maxBytes: number;
  /** Whether workers may be killed while others are not through with an earlier death. */
  kills: "one by one" | "any";
}

/** Workers, clients and the ways between them, in memory, with everything that can go wrong. */
export class RecoveryWorld {
  readonly maxBytes: number;
  now = 1_000_000;
  readonly workers = new Map<number, ModelWorker>();
  readonly clients: ModelClient[] = [];
  readonly longestOffset = { length: 0 };
  outcomes: Record<string, number> = {};
  readonly #random: Random;
  readonly #options: WorldOptions;
  readonly #channels = new Map<string, Frame[]>();
  /** What the primary has told each, in order. */
  readonly #told = new Map<number, { joined?: number; gone?: number }[]>();
  #lastWorker = 0;
  #lastClient = 0;
  #killIn = Number.POSITIVE_INFINITY;

  constructor(random: Random, options: WorldOptions) {
    this.#random = random;
    this.#options = options;
    this.maxBytes = options.maxBytes;
    for (let n = 0; n < options.workers; n++) this.#startWorker();
    this.settle();
    for (let n = 0; n < options.clients; n++) this.clients.push(new ModelClient());
    for (const client of this.clients) this.#connect(client);
    this.settle();
  }

  channel(from: number, to: number): Frame[] {
    const key = `${from} ${to}`;
    const channel = this.#channels.get(key) ?? [];
    this.#channels.set(key, channel);
    return channel;
  }

  /** A write; the worker may be killed before it. */
  step(worker: ModelWorker): void {
    if (--this.#killIn > 0 || this.#live().length === 1) return;
    this.#killIn = Number.POSITIVE_INFINITY;
    this.#kill(worker);
    throw new Killed();
  }

  /** One thing that happens. */
  act(): void {
    const random = this.#random;
    this.now += random.between(0, 5);
    const what = random.between(0, 99);
    const live = this.#live();
    const worker = random.pick(live);
    if (what < 25) this.#emit(worker);
    else if (what < 55) this.#moveSomething();
    else if (what < 75) this.#readSomething();
    else if (what < 80) this.#changeRooms(worker);
    else if (what < 84) this.#breakConnection();
    else if (what < 92) this.#reconnect();
    else if (what < 95) this.#notice(worker);
    else if (what < 97) this.#run(worker, () => worker.replica.look());
    else if (what < 98 && live.length < this.#options.workers) this.#startWorker();
    else if (what === 98 && live.length > 1 && this.#mayKill()) {
      // Somewhere in the middle of what some worker does next.
      this.#killIn = random.between(1, 12);
    } else if (what === 99 && live.length > 1 && this.#mayKill()) {
      if (random.chance(0.5)) this.#run(worker, () => worker.flushAll());
      this.#kill(worker);
    }
  }

  /** Nothing is under way any more. */
  settle(): void {
    this.#killIn = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 400; round++) {
      this.now += 20;
      let moved = 0;
      for (const worker of this.#live()) {
        this.#run(worker, () => worker.flushAll());
        for (const act of worker.soonActs.splice(0)) this.#run(worker, act);
        while (this.#hear(worker)) moved++;
        while (this.#moveTo(worker)) moved++;
        for (const timer of worker.timers) this.#run(worker, timer);
        for (const socket of [...worker.sockets.values()]) {
          if (socket.isCut) this.#run(worker, () => worker.closed(socket));
        }
      }
      for (const client of this.clients) while (this.#read(client)) moved++;
      const isTrying = this.clients.some(({ tryingAt }) => tryingAt !== undefined);
      const isUnsent = this.#live().some((w) => w.unsent.size + w.soonActs.length > 0);
      if (moved === 0 && !isTrying && !isUnsent && round > 3) return;
    }
    throw new Error("It does not come to rest");
  }

  /** Everybody is back, and has got everything. */
  finish(): void {
    this.settle();
    const isAway = ({ connection }: ModelClient) => connection?.isCut ?? true;
    // Some break off again.
    for (let round = 0; round < 20 && this.clients.some(isAway); round++) {
      for (const client of this.clients) if (isAway(client)) this.#connect(client);
      this.settle();
    }
    for (const worker of this.#live()) {
      this.#run(worker, () =>
        worker.replica.emit({ nsp: NSP, rooms: [], except: [] }, encode(address([], []))),
      );
      this.settle();
    }
    for (const client of this.clients) this.#check(client);
  }

  /** No gap, nothing twice, in order: exactly what was for it since its session began. */
  #check(client: ModelClient): void {
    const { connection } = client;
    if (connection === undefined || connection.isCut) throw new Error("A client is not back");
    const { worker } = connection;
    const session = worker.replica.session(connection.pid);
    if (session === undefined) throw new Error("A connected client without a session");
    const seen = new Map<number, number[]>();
    for (const { origin, n } of client.received) {
      const before = seen.get(origin) ?? [];
      if (n <= (before.at(-1) ?? 0)) throw new Error(`${origin}:${n} twice or out of order`);
      seen.set(origin, [...before, n]);
    }
    const wanted = new Map<number, number[]>();
    for (const entry of worker.replica.entries()) {
      const { origin, n } = entry;
      const address = addressOf(entry);
      if (address === undefined || !concerns(session, origin, n, address)) continue;
      wanted.set(origin, [...(wanted.get(origin) ?? []), n]);
    }
    for (const [origin, numbers] of wanted) {
      const got = seen.get(origin) ?? [];
      const first = numbers[0] ?? 0;
      const missing = numbers.filter((n) => !got.includes(n));
      const extra = got.filter((n) => n >= first && !numbers.includes(n));
      if (missing.length > 0) throw new Error(`${origin}:${missing} missing`);
      if (extra.length > 0 && this.#options.kills === "one by one") {
        throw new Error(`${origin}:${extra} too much`);
      }
    }
  }

  #live(): ModelWorker[] {
    return [...this.workers.values()].filter(({ isDead }) => !isDead);
  }

  #mayKill(): boolean {
    if (this.#options.kills === "any") return true;
    if (this.#killIn < Number.POSITIVE_INFINITY) return false;
    const dead = [...this.workers.values()].filter(({ isDead }) => isDead);
    // All have heard of all, and the latest is caught up.
    return (
      [...this.#told.values()].every((told) => told.length === 0) &&
      this.#live().every((worker) => worker.replica.isCaughtUp && worker.replica.isSettled) &&
      this.#live().every((worker) => dead.every(({ id }) => !worker.known.has(id)))
    );
  }

  #run(worker: ModelWorker, act: () => void): void {
    if (worker.isDead) return;
    try {
      act();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }

  #startWorker(): void {
    const id = ++this.#lastWorker;
    const members = this.#live().map((worker) => worker.id);
    for (const member of members) this.#told.get(member)?.push({ joined: id });
    const worker = new ModelWorker(this, id, members);
    this.workers.set(id, worker);
    this.#told.set(id, []);
    if (this.#random.chance(0.5)) this.#activate(worker);
  }

  #activate(worker: ModelWorker): void {
    if (worker.isActive) return;
    worker.isActive = true;
    this.#run(worker, () =>
      worker.replica.activate({ maxBytes: this.maxBytes, maxDisconnectionDuration: 60_000 }),
    );
  }

  #kill(worker: ModelWorker): void {
    worker.isDead = true;
    for (const socket of worker.sockets.values()) socket.isCut = true;
    // What is in the kernel may still arrive at the client, or not.
    for (const socket of worker.sockets.values()) {
      if (this.#random.chance(0.5)) socket.wire.length = 0;
    }
    this.#told.delete(worker.id);
    for (const other of this.#live()) this.#told.get(other.id)?.push({ gone: worker.id });
    for (const client of this.clients) {
      if (client.tryingAt === worker) client.tryingAt = undefined;
    }
  }

  #emit(worker: ModelWorker): void {
    const random = this.#random;
    this.#activate(worker);
    const rooms = random.chance(0.3) ? [] : [this.#room()];
    if (rooms.length > 0 && random.chance(0.2)) rooms.push(this.#room());
    const except = random.chance(0.2) ? [this.#room()] : [];
    const to = address(rooms, except);
    this.#run(worker, () => worker.replica.emit(to, encode(to)));
  }

  /** A room, or a client of its own. */
  #room(): string {
    const random = this.#random;
    if (random.chance(0.7)) return random.pick(ROOMS);
    return random.pick(this.clients).sid ?? "nobody";
  }

  #moveSomething(): void {
    const random = this.#random;
    const worker = random.pick(this.#live());
    for (let n = random.between(1, 8); n > 0; n--) {
      const what = random.between(0, 9);
      if (what < 2) this.#hear(worker);
      else if (what < 7) this.#moveTo(worker);
      else this.#run(worker, () => worker.flushAll());
      for (const act of worker.soonActs.splice(0)) this.#run(worker, act);
    }
  }

  /** The next that the primary has told it. */
  #hear(worker: ModelWorker): boolean {
    const told = this.#told.get(worker.id) ?? [];
    const [next] = told;
    if (next === undefined || worker.isDead) return false;
    if (next.gone !== undefined) {
      const { gone } = next;
      // It is over when all that has come from it is read.
      while (this.#moveFrom(gone, worker) && !worker.isDead);
      if (worker.isDead) return true;
      told.shift();
      worker.known.delete(gone);
      worker.unsent.delete(gone);
      this.#run(worker, () => worker.replica.gone(gone));
    } else if (next.joined !== undefined) {
      told.shift();
      this.#meet(worker, next.joined);
    }
    return true;
  }

  #meet(worker: ModelWorker, other: number): void {
    if (worker.known.has(other)) return;
    worker.known.add(other);
    this.#run(worker, () => worker.replica.met(other));
  }

  #moveTo(worker: ModelWorker): boolean {
    const from = [...this.workers.keys()].filter((id) => this.channel(id, worker.id).length > 0);
    return from.length > 0 && this.#moveFrom(this.#random.pick(from), worker);
  }

  #moveFrom(from: number, worker: ModelWorker): boolean {
    const channel = this.channel(from, worker.id);
    if (worker.isDead || channel.length === 0) return false;
    // Whoever is new may be faster than the primary's word of it.
    if (!worker.known.has(from)) {
      const told = this.#told.get(worker.id) ?? [];
      if (told.some(({ joined }) => joined === from)) this.#meet(worker, from);
    }
    const frame = channel.shift();
    if (frame === undefined) return false;
    this.#run(worker, () => {
      if (frame.kind === "entry") worker.replica.receiveEntry(from, frame.n, frame.payload);
      else worker.replica.receive(from, frame.message);
    });
    return true;
  }

  #readSomething(): void {
    for (let n = this.#random.between(1, 6); n > 0; n--)
      this.#read(this.#random.pick(this.clients));
  }

  readonly #wires = new Map<ModelClient, Connection[]>();

  #read(client: ModelClient): boolean {
    const connections = this.#wires.get(client) ?? [];
    for (const connection of connections) {
      const packet = connection.wire.shift();
      if (packet === undefined) continue;
      if (packet.connect?.recovered && client.connection !== undefined) {
        if (!client.connection.isCut && client.connection !== connection) {
          throw new Error("V6 a session is restored twice");
        }
      }
      this.longestOffset.length = Math.max(this.longestOffset.length, packet.offset?.length ?? 0);
      client.take(connection, packet);
      return true;
    }
    this.#wires.set(
      client,
      connections.filter(({ isCut, wire }) => !isCut || wire.length > 0),
    );
    return false;
  }

  #changeRooms(worker: ModelWorker): void {
    const [...pids] = worker.sockets.keys();
    if (pids.length === 0) return;
    const pid = this.#random.pick(pids);
    if (worker.sockets.get(pid)?.isConnected !== true) return;
    const room = this.#random.pick(ROOMS);
    this.#run(worker, () => {
      if (this.#random.chance(0.6)) worker.replica.roster.join(pid, [room]);
      else worker.replica.roster.leave(pid, room);
      worker.replica.roster.flush();
    });
  }

  #breakConnection(): void {
    const { connection } = this.#random.pick(this.clients);
    if (connection === undefined) return;
    connection.isCut = true;
    // Some of what was written does not arrive.
    connection.wire.length = this.#random.between(0, connection.wire.length);
  }

  #notice(worker: ModelWorker): void {
    for (const socket of [...worker.sockets.values()]) {
      if (socket.isCut && this.#random.chance(0.5)) this.#run(worker, () => worker.closed(socket));
    }
  }

  #reconnect(): void {
    const away = this.clients.filter(
      ({ connection, tryingAt }) => tryingAt === undefined && (connection?.isCut ?? true),
    );
    if (away.length === 0) return;
    const client = this.#random.pick(away);
    if ((this.#wires.get(client) ?? []).some(({ isCut }) => !isCut)) return;
    while (this.#read(client));
    this.#connect(client);
    // Somebody else has got hold of its pid.
    if (this.#random.chance(0.1) && client.pid !== undefined) this.#steal(client);
  }

  #steal(client: ModelClient): void {
    const { pid, offset, received } = client;
    if (pid === undefined || offset === undefined) return;
    const thief = new ModelClient();
    Object.assign(thief, { pid, offset, sid: client.sid, received: [...received] });
    const worker = this.#random.pick(this.#live());
    this.#run(worker, () =>
      worker.replica.restore(pid, NSP, offset, (outcome, restored) => {
        if (restored === undefined) return;
        // It does nothing with it: its connection breaks before it is connected.
        this.outcomes.stolen = (this.outcomes.stolen ?? 0) + 1;
        worker.replica.roster.abandoned(pid);
        if (outcome !== "recovered") throw new Error("restored without a reason");
      }),
    );
  }

  #connect(client: ModelClient): void {
    const worker = this.#random.pick(this.#live());
    this.#activate(worker);
    const { pid } = client;
    if (pid === undefined || client.offset === undefined) {
      this.#run(worker, () => this.#open(client, worker));
      return;
    }
    client.tryingAt = worker;
    const { offset } = client;
    this.#run(worker, () =>
      worker.replica.restore(pid, NSP, offset, (outcome, restored) => {
        client.tryingAt = undefined;
        this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
        if (restored === undefined) {
          this.#open(client, worker);
          return;
        }
        const { session, from } = restored;
        const socket = this.#attach(client, worker, pid, session.sid);
        if (this.#random.chance(0.1)) {
          socket.isCut = true;
          worker.closed(socket);
          return;
        }
        const connect = (): void => {
          if (socket.isCut || worker.sockets.get(pid) !== socket) {
            worker.closed(socket);
            return;
          }
          socket.isConnected = true;
          worker.write(socket, { connect: { sid: session.sid, pid, recovered: true } });
          const isWhole = worker.replica.resume(pid, from, ({ origin, n }, offset) =>
            worker.write(socket, { event: { origin, n }, offset }),
          );
          if (isWhole) return;
          // Something was forgotten during the middlewares.
          if (this.#options.maxBytes > 1_000_000) throw new Error("not whole when connected");
          worker.sockets.delete(pid);
          worker.replica.roster.over(pid);
          socket.isCut = true;
        };
        // Middlewares may take their time.
        if (this.#random.chance(0.5)) connect();
        else worker.soonActs.push(connect);
      }),
    );
  }

  #open(client: ModelClient, worker: ModelWorker): void {
    const id = ++this.#lastClient;
    const [pid, sid] = [`p${id}`, `s${id}`];
    const socket = this.#attach(client, worker, pid, sid);
    socket.isConnected = true;
    const rooms = ROOMS.filter(() => this.#random.chance(0.5));
    worker.replica.roster.open(pid, sid, NSP, [sid, ...rooms], new Uint8Array(1));
    worker.write(socket, { connect: { sid, pid, recovered: false } });
    worker.replica.emit(address([sid], []), encode(address([sid], [])));
  }

  #attach(client: ModelClient, worker: ModelWorker, pid: string, sid: string): Connection {
    const socket: Connection = {
      client,
      worker,
      wire: [],
      isCut: false,
      pid,
      sid,
      isConnected: false,
    };
    worker.sockets.set(pid, socket);
    this.#wires.set(client, [...(this.#wires.get(client) ?? []), socket]);
    return socket;
  }
}

const address = (rooms: string[], except: string[]): Address => ({ nsp: NSP, rooms, except });
