import type { ClusterMessage, ClusterResponse, MessageType } from "socket.io-adapter";
import { Adapter, ClusterAdapter } from "socket.io-adapter";
import { toPayload } from "../transport/cloneable.js";
import {
  Capture,
  type EncodedPacket,
  type Packet,
  toEncodedPacket,
} from "../transport/encoded-packet.js";
import { Type } from "../transport/message-types.js";
import type { FoundSockets, SocketDetails } from "../transport/sockets-frame.js";
import type {
  ClusterTransport,
  EncodedBroadcast,
  Room,
  Sent,
  Station,
  WireOpts,
} from "../transport/transport.js";
import { AckedBroadcasts } from "./acked-broadcasts.js";
import { Later } from "./later.js";
import { eachSocket, writeToClients } from "./local-clients.js";
import { Questions } from "./questions.js";

type Opts = Parameters<ClusterAdapter["broadcast"]>[1];
type AckArgs = Parameters<ClusterAdapter["broadcastWithAck"]>;
type Namespace = Adapter["nsp"];

/** `fetchSockets()` in another worker. */
type Question = ClusterMessage & { data: { opts: WireOpts; requestId: string } };

/** Calls are done when they return, and throw what goes wrong: nobody awaits them. */
const DONE = Promise.resolve();

/** What an adapter does with the clients of its own process; without waiting for anything. */
const local = Adapter.prototype;

/** The same where it is typed for adapters that take their time: this one returns nothing. */
const memory: { addAll(id: string, rooms: Set<Room>): void; del(id: string, room: Room): void } =
  Adapter.prototype;

/**
 * All of Socket.IO's cross-server API (C1) over a transport that knows who is there.
 *
 * The protocol is that of socket.io-adapter's cluster adapters, but nobody is waited for who
 * cannot answer, and heartbeats are not needed: the transport tells of servers that come and go.
 * What a worker does to its own clients is done when the call returns, as without an adapter.
 * Packets are encoded once, here, and written to clients of other workers as they are (M5).
 */
export class WideAdapter extends ClusterAdapter implements Station {
  readonly wireName: string;
  declare readonly uid: string;
  readonly #transport: ClusterTransport;
  readonly #capture: Capture;
  readonly #servers = new Set<string>();
  readonly #acked = new AckedBroadcasts();
  readonly #questions = new Questions<unknown>();
  /** Resolves when the other servers of the namespace are known. */
  readonly #introduced: Promise<void>;
  #isIntroduced = false;

  /** @param scope keeps the namespaces of this process's servers apart */
  constructor(nsp: Namespace, transport: ClusterTransport, scope: string) {
    super(nsp);
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

  override close(): void {
    this.#transport.close(this);
  }

  met(uid: string): void {
    this.#servers.add(uid);
  }

  lost(uid: string): void {
    this.#servers.delete(uid);
    this.#questions.lost(uid);
    this.#acked.lost(uid);
  }

  /** uids of the namespace's servers in other workers. */
  get servers(): ReadonlySet<string> {
    return this.#servers;
  }

  /** Of each `fetchSockets()` and `serverSideEmit()` under way: how many servers have not answered. */
  get waitingFor(): number[] {
    return this.#questions.waitingFor;
  }

  hasSocket(id: string): boolean {
    return this.sids.has(id);
  }

  receive(message: ClusterMessage): void {
    if (message.type === (Type.FETCH_SOCKETS as MessageType)) {
      this.#tellSockets(message as Question);
      return;
    }
    const named = { ...message, nsp: this.nsp.name };
    try {
      super.onMessage(named);
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
    this.#questions.answer(requestId, uid, sockets);
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
    local.broadcastWithAck.call(this, packet, opts, onServer, onAck);
    if (opts.flags?.local) {
      // As many as `serverCount()` says, which is asked for in the same turn.
      const tell = () => {
        for (const _ of this.#servers) onServer(0);
      };
      this.#transport.heard().then(tell, tell);
      return;
    }
    const requestId = this.#acked.start(onServer, onAck, opts.flags?.timeout);
    this.#publishBroadcast(packet, opts, requestId);
  }

  /** `this.#capture` has just encoded the packet for the clients of this worker. */
  #publishBroadcast(packet: Packet, opts: Opts, requestId?: string): void {
    const encoded = toEncodedPacket(packet, this.#capture.last);
    this.#capture.last = undefined;
    const sent: Sent | undefined =
      requestId === undefined
        ? undefined
        : (uids, others) => this.#acked.sent(requestId, uids, others.length);
    if (encoded === undefined) this.#publishAsItIs(packet, opts, requestId, sent);
    else this.#transport.broadcast(this, this.#encoded(encoded, opts, requestId), sent);
  }

  #encoded(packet: EncodedPacket, opts: Opts, requestId: string | undefined): EncodedBroadcast {
    return { uid: this.uid, nsp: this.wireName, opts: encode(opts), packet, requestId };
  }

  /** For the parsers whose packets only they can understand. */
  #publishAsItIs(packet: Packet, opts: Opts, requestId?: string, sent?: Sent): void {
    const payload = { ...packet, data: toPayload(packet.data) };
    const data = { packet: payload, opts: encode(opts), requestId };
    const message = { type: Type.BROADCAST, uid: this.uid, nsp: this.wireName, data };
    this.#transport.publish(this, message as unknown as ClusterMessage, sent);
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

  #tell(type: number, data: object, sent?: Sent): void {
    const message = { type, uid: this.uid, nsp: this.wireName, data };
    this.#transport.publish(this, message as unknown as ClusterMessage, sent);
  }

  /**
   * Those that a message of this turn is sent to, or would be if it concerned them: an emit with
   * acknowledgements compares this number with the answers.
   */
  override async serverCount(): Promise<number> {
    await this.#introduced;
    await this.#transport.heard();
    return 1 + this.#servers.size;
  }

  override async fetchSockets(opts: Opts): Promise<unknown[]> {
    if (!this.#isIntroduced) await this.#introduced;
    const found: unknown[] = await local.fetchSockets.call(this, opts);
    if (opts.flags?.local) return found;
    return new Promise((resolve, reject) => {
      const requestId = this.#questions.ask(
        found,
        (error) => (error === null ? resolve(found) : reject(error)),
        opts.flags?.timeout || undefined,
      );
      this.#tell(Type.FETCH_SOCKETS, { opts: encode(opts), requestId }, (uids) =>
        this.#questions.sent(requestId, uids),
      );
    });
  }

  override async serverSideEmit(packet: unknown[]): Promise<void> {
    if (!this.#isIntroduced) await this.#introduced;
    const ack = packet.at(-1);
    if (typeof ack !== "function") {
      this.#tell(Type.SERVER_SIDE_EMIT, { packet });
      return;
    }
    const requestId = this.#questions.ask([], (error, answers) => ack(error, answers));
    this.#tell(Type.SERVER_SIDE_EMIT, { requestId, packet: packet.slice(0, -1) }, (uids) =>
      this.#questions.sent(requestId, uids),
    );
  }

  protected override onResponse(response: ClusterResponse): void {
    const type: number = response.type;
    if (type === Type.BROADCAST_CLIENT_COUNT || type === Type.BROADCAST_ACK) {
      this.#acked.onResponse(response);
    } else if (type === Type.SERVER_SIDE_EMIT_RESPONSE) {
      const { uid, data } = response as unknown as {
        uid: string;
        data: { requestId: string; packet: unknown };
      };
      this.#questions.answer(data.requestId, uid, [data.packet]);
    }
  }

  protected override async doPublish(message: ClusterMessage): Promise<string> {
    this.#transport.publish(this, { ...message, nsp: this.wireName });
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
