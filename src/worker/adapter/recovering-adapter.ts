import { deserialize } from "node:v8";
import type { Adapter } from "socket.io-adapter";
import type { Entry } from "../recovery/log.js";
import { roomsOf, type Session } from "../recovery/sessions.js";
import type { Vector } from "../recovery/vector.js";
import { readBroadcast } from "../transport/broadcast-frame.js";
import {
  type EncodedPacket,
  type Packet,
  toEncodedPacket,
  webSocketFrame,
} from "../transport/encoded-packet.js";
import type { MeshTransport } from "../transport/mesh-transport.js";
import { serializeWhatCan } from "../transport/message-frame.js";
import type { RecoveringStation, RecoveryLink } from "../transport/recovery-link.js";
import type { EncodedBroadcast, Room, WireOpts } from "../transport/transport.js";
import { eachSocket } from "./local-clients.js";
import { withOffset } from "./offset-in-packet.js";
import { OutgoingPacket } from "./outgoing-packet.js";
import { WideAdapter } from "./wide-adapter.js";

type Opts = Parameters<WideAdapter["broadcast"]>[1];
type Namespace = Adapter["nsp"];

/** How long a client may take to show that its earlier connection is alive (ms). */
const PROBE_TIMEOUT = 300;

/** All `socket.data` are looked at in so many parts (ms between them), once a second. */
const DATA_PARTS = 10;
const DATA_INTERVAL = 100;

/** Packet types of Socket.IO's protocol. */
const CONNECT = 0;
const EVENT = 2;

/** A socket of socket.io, as far as this is concerned. */
interface LocalSocket {
  readonly id: string;
  readonly pid?: string;
  readonly connected: boolean;
  readonly data: unknown;
  readonly client: {
    readonly conn: {
      readonly protocol: number;
      readonly readyState: string;
      sendPacket?(type: string): void;
      once(event: string, listener: () => void): void;
      off(event: string, listener: () => void): void;
    };
    close(): void;
    writeToEngine(parts: readonly unknown[], opts: object): void;
  };
  notifyOutgoingListeners?(packet: Packet): void;
  packet(packet: Packet, opts?: object): void;
  _onclose(reason: string): void;
}

interface Known {
  readonly pid: string;
  /** Restored, and not connected yet: what its client has got. */
  from: Vector | undefined;
  /** Its connection is gone, and it may come back. */
  isAway: boolean;
}

/** Whether the parser gives what can be kept and written again: strings and bytes. */
export function canKeep(nsp: Namespace): boolean {
  const { encoder } = nsp.server as unknown as { encoder: { encode(packet: Packet): unknown } };
  const packet = { type: EVENT, nsp: nsp.name, data: ["event"] };
  return toEncodedPacket(packet, encoder.encode(packet)) !== undefined;
}

/**
 * The adapter of a server with `connectionStateRecovery`: what it sends is numbered and kept, and
 * its clients' sessions are known to all workers; see worker/recovery.
 *
 * All workers get all of it, at once, so nothing waits for a decision whom it concerns.
 */
export class RecoveringAdapter extends WideAdapter implements RecoveringStation {
  readonly isForAll = true;
  readonly #transport: MeshTransport;
  readonly #link: RecoveryLink;
  readonly #known = new Map<string, Known>();
  readonly #stopData: () => void;
  #dataDue: string[] = [];

  constructor(nsp: Namespace, transport: MeshTransport, scope: string, maxBytes: number) {
    super(nsp, transport, scope);
    this.#transport = transport;
    this.#link = transport.recovery;
    const { opts } = nsp.server as unknown as {
      opts: { connectionStateRecovery: { maxDisconnectionDuration: number } };
    };
    this.#link.open(this);
    const { maxDisconnectionDuration } = opts.connectionStateRecovery;
    this.#link.replica.activate({ maxDisconnectionDuration, maxBytes });
    this.#stopData = this.#link.every(DATA_INTERVAL, () => this.#storeSome());
    askWithoutOffset(nsp);
  }

  override close(): void {
    super.close();
    this.#stopData();
    this.#link.close(this);
  }

  override addAll(id: string, rooms: Set<Room>): Promise<void> {
    const told = super.addAll(id, rooms);
    const known = this.#known.get(id);
    // Of a socket that is connecting, this is the last thing that happens before it is told.
    const connecting = rooms.has(id) ? this.#connecting(id) : undefined;
    if (known !== undefined) {
      this.#link.replica.roster.join(known.pid, rooms);
      this.#link.flushSoon();
      if (connecting !== undefined && known.from !== undefined) {
        this.#resumeBehindConnect(connecting, known.pid, known.from);
        known.from = undefined;
      }
    } else if (connecting?.pid !== undefined) {
      this.#begin(connecting, connecting.pid);
    }
    return told;
  }

  override del(id: string, room: Room): void {
    super.del(id, room);
    const known = this.#known.get(id);
    if (known === undefined) return;
    this.#link.replica.roster.leave(known.pid, room);
    this.#link.flushSoon();
  }

  override delAll(id: string): void {
    super.delAll(id);
    const known = this.#known.get(id);
    if (known === undefined) return;
    this.#known.delete(id);
    if (known.from !== undefined) this.#link.replica.roster.abandoned(known.pid);
    else if (!known.isAway) this.#link.replica.roster.over(known.pid);
    this.#link.flushSoon();
  }

  override persistSession({ sid, pid, data }: { sid: string; pid: string; data: unknown }): void {
    const known = this.#known.get(sid);
    if (known === undefined) return;
    known.isAway = true;
    this.#link.replica.roster.store(pid, serializeWhatCan(data));
    this.#link.replica.roster.disconnected(pid);
    this.#link.flushSoon();
  }

  override restoreSession(pid: string, offset: string): Promise<never> {
    return new Promise((resolve) => {
      this.#link.replica.restore(pid, this.wireName, offset, (_, restored) => {
        if (restored === undefined) {
          resolve(null as never);
          return;
        }
        const { session, from } = restored;
        const { sid } = session;
        this.#known.set(sid, { pid, from, isAway: false });
        const data: unknown = deserialize(session.data);
        // What it missed follows when it is connected: a client that gets it before, and loses its
        // connection again, would keep it, and get it twice.
        resolve({ sid, pid, rooms: roomsOf(session), data, missedPackets: [] } as never);
      });
    });
  }

  override broadcast(packet: Packet, opts: Opts): Promise<void> {
    if (packet.type !== EVENT || packet.id !== undefined) return super.broadcast(packet, opts);
    packet.nsp = this.nsp.name;
    const { encoder } = this as unknown as { encoder: { encode(packet: Packet): unknown } };
    const encoded = toEncodedPacket(packet, encoder.encode(packet));
    if (encoded === undefined) throw new TypeError("The parser gives neither strings nor bytes");
    const broadcast = this.#wrap(encoded, opts);
    if (opts.flags?.local) {
      this.deliverNumbered(broadcast);
    } else if (opts.flags?.volatile) {
      this.deliverNumbered(broadcast);
      this.#transport.broadcast(this, broadcast);
    } else {
      this.#link.emit(broadcast);
    }
    return DONE;
  }

  /** A volatile event of another worker, or one whose clients acknowledge it. */
  override receiveBroadcast(broadcast: EncodedBroadcast & { message?: Buffer | undefined }): void {
    if (broadcast.requestId === undefined) this.deliverNumbered(broadcast);
    else super.receiveBroadcast(broadcast);
  }

  /** Writes it to the clients of this worker that it is for, with the offset that goes with it. */
  deliverNumbered({ opts, packet }: EncodedBroadcast): void {
    const { flags } = opts;
    let written: { parts: readonly unknown[]; opts: object; outgoing: Packet } | undefined;
    eachSocket(this, opts, (socket) => {
      if (written === undefined) {
        const parts = withOffset(this.nsp, packet.parts, this.#link.replica.offset());
        const text = typeof parts[0] === "string" && parts.length === 1 ? parts[0] : undefined;
        written = {
          parts,
          opts: {
            preEncoded: true,
            volatile: flags.volatile,
            compress: flags.compress,
            ...(text !== undefined && {
              wsPreEncodedFrame: webSocketFrame(Buffer.from(`4${text}`)),
            }),
          },
          outgoing: new OutgoingPacket(this.nsp, packet.parts),
        };
      }
      socket.notifyOutgoingListeners?.(written.outgoing);
      socket.client.writeToEngine(written.parts, written.opts);
    });
  }

  probe({ sid }: Session, tell: (isAlive: boolean) => void): void {
    const socket = this.#socket(sid);
    if (socket === undefined) {
      tell(false);
      return;
    }
    const { conn } = socket.client;
    const settle = (isAlive: boolean): void => {
      clearTimeout(timer);
      conn.off("heartbeat", alive);
      conn.off("close", gone);
      if (!isAlive) end(socket);
      tell(isAlive);
    };
    const alive = (): void => settle(true);
    const gone = (): void => settle(false);
    const timer = setTimeout(gone, PROBE_TIMEOUT);
    if (conn.readyState !== "open" || conn.sendPacket === undefined) {
      gone();
      return;
    }
    conn.once("heartbeat", alive);
    conn.once("close", gone);
    conn.sendPacket("ping");
  }

  yield({ sid }: Session): void {
    const socket = this.#socket(sid);
    if (socket !== undefined) end(socket);
  }

  #begin(socket: LocalSocket, pid: string): void {
    if (socket.client.conn.protocol === 3) return; // its client is not told its pid
    const { id } = socket;
    this.#known.set(id, { pid, from: undefined, isAway: false });
    const rooms = this.sids.get(id) ?? [];
    const data = serializeWhatCan(socket.data);
    this.#link.replica.roster.open(pid, id, this.wireName, rooms as Iterable<Room>, data);
    this.#link.flushSoon();
    // What listeners of the application do now is done by then.
    setImmediate(() => this.#store(id));
  }

  /** What a client has missed follows the packet that tells it that it is connected. */
  #resumeBehindConnect(socket: LocalSocket, pid: string, from: Vector): void {
    socket.packet = (packet, opts) => {
      delete (socket as Partial<LocalSocket>).packet; // from here on the prototype's own
      socket.packet(packet, opts);
      if (packet.type !== CONNECT) throw new Error("A socket that connects says something else");
      const isWhole = this.#link.replica.resume(pid, from, (entry, offset) =>
        this.#giveAgain(socket, entry, offset),
      );
      this.#link.flushSoon();
      if (isWhole) return;
      // The middlewares took so long that something was forgotten: it comes back, and starts anew.
      this.#link.replica.roster.over(pid);
      setImmediate(() => end(socket));
    };
  }

  #giveAgain(socket: LocalSocket, { payload }: Entry, offset: string): void {
    const { packet, opts } = readBroadcast(Buffer.from(payload));
    const parts = withOffset(this.nsp, packet.parts, offset);
    socket.notifyOutgoingListeners?.(new OutgoingPacket(this.nsp, packet.parts));
    socket.client.writeToEngine(parts, { preEncoded: true, compress: opts.flags.compress });
  }

  #socket(sid: string): LocalSocket | undefined {
    return this.nsp.sockets.get(sid) as LocalSocket | undefined;
  }

  #connecting(id: string): LocalSocket | undefined {
    const socket = this.#socket(id);
    return socket?.connected ? socket : undefined;
  }

  #wrap(packet: EncodedPacket, { rooms, except, flags }: Opts): EncodedBroadcast {
    const opts = { rooms: [...rooms], except: [...(except ?? [])], flags: flags ?? {} } as WireOpts;
    return { uid: this.uid, nsp: this.wireName, opts, packet, requestId: undefined };
  }

  /** Of those whose turn it is: nobody tells when `socket.data` change. */
  #storeSome(): void {
    if (this.#dataDue.length === 0) this.#dataDue = [...this.#known.keys()];
    const share = Math.ceil(this.#known.size / DATA_PARTS);
    for (const sid of this.#dataDue.splice(0, share)) this.#store(sid);
  }

  #store(sid: string): void {
    const known = this.#known.get(sid);
    const socket = this.#socket(sid);
    if (known === undefined || known.isAway || socket === undefined) return;
    const data = serializeWhatCan(socket.data);
    const before = this.#link.replica.session(known.pid)?.data;
    if (before === undefined || data.equals(before)) return;
    this.#link.replica.roster.store(known.pid, data);
    this.#link.flushSoon();
  }
}

const DONE = Promise.resolve();

/** Closes the connection of a socket, and ends it now: its client is elsewhere. */
function end(socket: LocalSocket): void {
  socket.client.close();
  socket._onclose("transport close");
}

type Create = (client: object, auth: Record<string, unknown>) => Promise<unknown>;

/**
 * A client that has got no event yet has no offset to send, and socket.io would not ask for its
 * session: it has missed everything since it began.
 */
function askWithoutOffset(nsp: Namespace): void {
  const own = nsp as unknown as { _createSocket?: Create };
  const create = own._createSocket;
  if (create === undefined) return; // an earlier socket.io
  own._createSocket = (client, auth) => {
    const isWithout = typeof auth.pid === "string" && auth.offset === undefined;
    return create.call(nsp, client, isWithout ? { ...auth, offset: "" } : auth);
  };
}
