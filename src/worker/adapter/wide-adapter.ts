import type { ClusterMessage, ClusterResponse, MessageType } from "socket.io-adapter";
import { Adapter, ClusterAdapter, ClusterAdapterWithHeartbeat } from "socket.io-adapter";
import { AckedBroadcasts } from "./acked-broadcasts.js";
import { toPayload } from "./cloneable.js";
import { Capture, type EncodedPacket, type Packet, toEncodedPacket } from "./encoded-packet.js";
import { Later } from "./later.js";
import { eachSocket, writeToClients } from "./local-clients.js";
import { Type } from "./message-types.js";
import type { FoundSockets, SocketDetails } from "./sockets-frame.js";
import type { ClusterTransport, EncodedBroadcast, Room, Station, WireOpts } from "./transport.js";

type Opts = Parameters<ClusterAdapterWithHeartbeat["broadcast"]>[1];
type AckArgs = Parameters<ClusterAdapterWithHeartbeat["broadcastWithAck"]>;
type Namespace = Adapter["nsp"];

/** `fetchSockets()` in another worker. */
type Question = ClusterMessage & { data: { opts: WireOpts; requestId: string } };

/** What TypeScript hides of the base classes. */
interface Hidden {
  readonly cleanupTimer: NodeJS.Timeout;
  readonly nodesMap: Map<string, number>;
}

/** Calls are done when they return, and throw what goes wrong: nobody awaits them. */
const DONE = Promise.resolve();

/** What an adapter does with the clients of its own process; without waiting for anything. */
const local = Adapter.prototype;

/** The same where it is typed for adapters that take their time: this one returns nothing. */
const memory: { addAll(id: string, rooms: Set<Room>): void; del(id: string, room: Room): void } =
  Adapter.prototype;

/** The base class of the base class, without heartbeats; TypeScript hides these methods. */
const base = ClusterAdapter.prototype as unknown as {
  onMessage(message: ClusterMessage): void;
  publish(message: object): void;
};

/**
 * All of Socket.IO's cross-server API (C1) over a transport that knows who is there.
 *
 * The protocol is that of socket.io-adapter's cluster adapters, but nobody is waited for who
 * cannot answer, and heartbeats are not needed: the transport tells of servers that come and go.
 * What a worker does to its own clients is done when the call returns, as without an adapter.
 * Packets are encoded once, here, and written to clients of other workers as they are (M5).
 */
export class WideAdapter extends ClusterAdapterWithHeartbeat implements Station {
  readonly wireName: string;
  declare readonly uid: string;
  readonly #transport: ClusterTransport;
  readonly #capture: Capture;
  readonly #acked = new AckedBroadcasts();
  /** Resolves when the other servers of the namespace are known. */
  readonly #introduced: Promise<void>;
  #isIntroduced = false;

  /** @param scope keeps the namespaces of this process's servers apart */
  constructor(nsp: Namespace, transport: ClusterTransport, scope: string) {
    super(nsp, {});
    clearInterval(this.#hidden.cleanupTimer);
    this.wireName = scope + nsp.name;
    this.#transport = transport;
    this.#capture = new Capture((this as unknown as { encoder: Capture }).encoder);
    Object.defineProperty(this, "encoder", { value: this.#capture });
    // With connectionStateRecovery, which this adapter does not support, the base class would add
    // an offset to each event's arguments, and clients would see it.
    Object.defineProperty(this, "addOffsetIfNecessary", { value: () => {} });
    transport.open(this);
    this.#introduced = transport.heard().then(() => {
      this.#isIntroduced = true;
    });
  }

  get #hidden(): Hidden {
    return this as unknown as Hidden;
  }

  override init(): void {}

  override close(): void {
    super.close();
    this.#transport.close(this);
  }

  met(uid: string): void {
    super.onMessage({ type: Type.HEARTBEAT, uid, nsp: this.nsp.name } as ClusterMessage);
  }

  lost(uid: string): void {
    super.onMessage({ type: Type.ADAPTER_CLOSE, uid, nsp: this.nsp.name } as ClusterMessage);
    this.#acked.lost(uid);
  }

  hasSocket(id: string): boolean {
    return this.sids.has(id);
  }

  /** The base class of the base class: who is there is not to be learnt from messages. */
  receive(message: ClusterMessage): void {
    if (message.type === (Type.FETCH_SOCKETS as MessageType)) {
      this.#tellSockets(message as Question);
      return;
    }
    const named = { ...message, nsp: this.nsp.name };
    try {
      base.onMessage.call(this, named);
    } catch (error) {
      // A payload that no parser can encode (a cycle, a BigInt) is the sender's mistake, not ours.
      if (message.type !== (Type.BROADCAST as MessageType)) throw error;
      process.emitWarning(error as Error);
    }
  }

  receiveBroadcast(broadcast: EncodedBroadcast & { message?: Buffer | undefined }): void {
    const { requestId, uid } = broadcast;
    writeToClients(this, broadcast, (type, data) =>
      this.publishResponse(uid, { type, data: { requestId, ...data } } as never),
    );
  }

  #tellSockets({ uid: requesterUid, data: { opts, requestId } }: Question): void {
    const sockets: SocketDetails[] = [];
    eachSocket(this, opts, ({ id, handshake, rooms, data }) => {
      sockets.push({ id, handshake, rooms: [...rooms], data });
    });
    const { uid, wireName: nsp } = this;
    this.#transport.found(this, { uid, nsp, requesterUid, requestId, sockets });
  }

  receiveSockets({ uid, requestId, sockets }: FoundSockets): void {
    const answer = { type: Type.FETCH_SOCKETS_RESPONSE, uid, nsp: this.nsp.name };
    super.onResponse({ ...answer, data: { requestId, sockets } } as unknown as ClusterResponse);
  }

  override addAll(id: string, rooms: Set<Room>): Promise<void> {
    const created: Room[] = [];
    for (const room of rooms) if (!this.rooms.has(room)) created.push(room);
    // First the others: listeners of the application, and the client, hear of it only then.
    this.#transport.joined(this, created, id, this.sids.size === 0);
    memory.addAll.call(this, id, rooms);
    return new Later(() => this.#transport.told());
  }

  override del(id: string, room: Room): void {
    const was = this.rooms.has(room);
    memory.del.call(this, id, room);
    if (was && !this.rooms.has(room)) this.#transport.left(this, [room], false);
  }

  override delAll(id: string): void {
    const rooms = this.sids.get(id);
    if (rooms === undefined) return;
    super.delAll(id);
    const left = [...rooms].filter((room) => !this.rooms.has(room));
    this.#transport.left(this, left, this.sids.size === 0);
  }

  override broadcast(packet: Packet, opts: Opts): Promise<void> {
    // First here: a packet that cannot be encoded throws before the others get it.
    local.broadcast.call(this, packet, opts);
    if (!opts.flags?.local) this.#publishBroadcast(packet, opts);
    return DONE;
  }

  override broadcastWithAck(...args: AckArgs): void {
    if (!this.#isIntroduced) {
      this.#introduced
        .then(() => this.broadcastWithAck(...args))
        .catch((error: Error) => process.emitWarning(error));
      return;
    }
    const [packet, opts, onServer, onAck] = args;
    const others = [...this.#hidden.nodesMap.keys()];
    local.broadcastWithAck.call(this, packet, opts, onServer, onAck);
    if (opts.flags?.local) {
      for (const _ of others) onServer(0);
      return;
    }
    const requestId = this.#acked.start(others, onServer, onAck, opts.flags?.timeout);
    this.#publishBroadcast(packet, opts, requestId);
  }

  /** `this.#capture` has just encoded the packet for the clients of this worker. */
  #publishBroadcast(packet: Packet, opts: Opts, requestId?: string): void {
    const encoded = toEncodedPacket(packet, this.#capture.last);
    this.#capture.last = undefined;
    const unconcerned = (uids: string[]): void => {
      for (const uid of uids) this.#acked.lost(uid, requestId);
    };
    const after = requestId === undefined ? undefined : unconcerned;
    if (encoded === undefined) this.#publishAsItIs(packet, opts, requestId, after);
    else this.#transport.broadcast(this, this.#encoded(encoded, opts, requestId), after);
  }

  #encoded(packet: EncodedPacket, opts: Opts, requestId: string | undefined): EncodedBroadcast {
    return { uid: this.uid, nsp: this.wireName, opts: encode(opts), packet, requestId };
  }

  /** For the parsers whose packets only they can understand. */
  #publishAsItIs(
    packet: Packet,
    opts: Opts,
    requestId?: string,
    unconcerned?: (uids: string[]) => void,
  ): void {
    const payload = { ...packet, data: toPayload(packet.data) };
    const data = { packet: payload, opts: encode(opts), requestId };
    const message = { type: Type.BROADCAST, uid: this.uid, nsp: this.wireName, data };
    this.#transport.publish(this, message as unknown as ClusterMessage, unconcerned);
  }

  override addSockets(opts: Opts, rooms: Room[]): Promise<void> {
    if (!opts.flags?.local) this.#tell(Type.SOCKETS_JOIN, { opts: encode(opts), rooms });
    local.addSockets.call(this, opts, rooms);
    return DONE;
  }

  override delSockets(opts: Opts, rooms: Room[]): Promise<void> {
    if (!opts.flags?.local) this.#tell(Type.SOCKETS_LEAVE, { opts: encode(opts), rooms });
    local.delSockets.call(this, opts, rooms);
    return DONE;
  }

  override disconnectSockets(opts: Opts, close: boolean): Promise<void> {
    // The others first: a listener of the application may throw here.
    if (!opts.flags?.local) this.#tell(Type.DISCONNECT_SOCKETS, { opts: encode(opts), close });
    local.disconnectSockets.call(this, opts, close);
    return DONE;
  }

  #tell(type: number, data: object): void {
    this.publish({ type, data } as never);
  }

  override async serverCount(): Promise<number> {
    await this.#introduced;
    return super.serverCount();
  }

  override async fetchSockets(opts: Opts): Promise<unknown[]> {
    if (!this.#isIntroduced) await this.#introduced;
    return super.fetchSockets({ ...opts, flags: opts.flags ?? {} });
  }

  override async serverSideEmit(packet: unknown[]): Promise<void> {
    if (!this.#isIntroduced) await this.#introduced;
    return super.serverSideEmit(packet);
  }

  override onResponse(response: ClusterResponse): void {
    const type: number = response.type;
    if (type === Type.BROADCAST_CLIENT_COUNT || type === Type.BROADCAST_ACK) {
      this.#acked.onResponse(response);
    } else {
      super.onResponse(response);
    }
  }

  /** Without the heartbeats of the base class. */
  override publish(message: Parameters<ClusterAdapterWithHeartbeat["publish"]>[0]): void {
    const type: number = message.type;
    if (type !== Type.HEARTBEAT && type !== Type.ADAPTER_CLOSE) {
      base.publish.call(this, message);
    }
  }

  protected override async doPublish(message: ClusterMessage): Promise<string> {
    const named = { ...message, nsp: this.wireName };
    const isQuestion = message.type === (Type.FETCH_SOCKETS as MessageType);
    this.#transport.publish(this, named, (uids) => {
      if (!isQuestion) return;
      const { requestId } = (message as Question).data;
      // Whom it does not concern has found nobody.
      for (const uid of uids) {
        const { wireName: nsp, uid: requesterUid } = this;
        this.receiveSockets({ uid, nsp, requesterUid, requestId, sockets: [] });
      }
    });
    return ""; // no offset: connection state recovery is not supported
  }

  protected override async doPublishResponse(
    requesterUid: string,
    response: ClusterResponse,
  ): Promise<void> {
    this.#transport.respond(this, requesterUid, { ...response, nsp: this.wireName });
  }
}

/** Sets do not travel as the protocol of the adapter wants them. */
function encode({ rooms, except, flags }: Opts): WireOpts {
  return { rooms: [...rooms], except: [...(except ?? [])], flags: flags ?? {} } as WireOpts;
}
