import { NodeClusterAdapter } from "@socket.io/cluster-adapter";
import { Adapter, type ClusterMessage, type ClusterResponse } from "socket.io-adapter";
import {
  ADAPTER_SOURCE,
  type AdapterMessage,
  AdapterType,
  claimsAdapter,
  isAdapterMessage,
} from "../../adapter-protocol.js";
import { primaryChannel } from "../primary-channel.js";
import { toCloneable, toPayload } from "./cloneable.js";

type Namespace = ConstructorParameters<typeof NodeClusterAdapter>[0];
type Packet = Parameters<NodeClusterAdapter["broadcast"]>[0];
type Opts = Parameters<NodeClusterAdapter["broadcast"]>[1];
type Room = string;
type BroadcastArgs = Parameters<NodeClusterAdapter["broadcastWithAck"]>;

/** A broadcast that waits for acknowledgements of other workers' clients. */
interface PendingBroadcast {
  /** Adapters that were there when it was sent, and that have not settled yet. */
  readonly servers: Map<string, { clients: number; acks: number }>;
  readonly onServer: (clients: number) => void;
}

const { BROADCAST, SOCKETS_JOIN, SOCKETS_LEAVE, DISCONNECT_SOCKETS } = AdapterType;
const { ADAPTER_CLOSE, BROADCAST_ACK, BROADCAST_CLIENT_COUNT } = AdapterType;

/** What an adapter does with the clients of its own process; without waiting for anything. */
const local = Adapter.prototype;

/** What stands before the namespaces of a server in messages, if it is not the only one. */
const scopes = new WeakMap<object, string>();

/** Keeps the broadcasts of `server` apart from those of this process's other servers. */
export function scopeAdapters(server: object, scope: string): void {
  scopes.set(server, scope);
}

/** A namespace as messages between workers call it. */
const wireName = (nsp: Namespace): string => (scopes.get(nsp.server) ?? "") + nsp.name;

/** The adapters of this process by that name, behind one listener on the IPC channel. */
const adapters = new Map<string, Set<IpcAdapter>>();

function dispatch(message: unknown): void {
  if (!isAdapterMessage(message)) {
    if (claimsAdapter(message)) warnBroken();
    return;
  }
  for (const adapter of adapters.get(message.nsp) ?? []) {
    try {
      adapter.receive(message);
    } catch (error) {
      // A payload that no parser can encode (a cycle, a BigInt) is the sender's mistake, not ours.
      if (message.type !== BROADCAST) throw error;
      process.emitWarning(error as Error);
    }
  }
}

let hasWarned = false;

function warnBroken(): void {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(
    "A message of another worker's adapter is broken, and was ignored; so will others be. Do all " +
      "workers run the same versions of socket.io and of this package?",
    { code: "SUPERVISOR_BROKEN_MESSAGE" },
  );
}

/**
 * The cluster adapter of `@socket.io/cluster-adapter`, which relays through the primary, with
 * these things made right:
 *
 * - one listener for all namespaces, taken off again when a namespace ends (dynamic namespaces
 *   would pile up listeners);
 * - a broadcast with acknowledgements completes when a worker dies in the middle of it, and when
 *   one joins (C2);
 * - `local` broadcasts with acknowledgements complete at all;
 * - what a worker does to its own clients is done when the call returns, as without an adapter, so
 *   that it is in order with whatever else is done to them;
 * - a namespace that is new here knows the other workers' before it counts on them;
 * - clients of all workers get the same of an object with `toJSON()`;
 * - data that cannot be cloned (a function in `socket.data`) is left out instead of ending the
 *   process.
 */
export class IpcAdapter extends NodeClusterAdapter {
  readonly #broadcasts = new Map<string, PendingBroadcast>();
  /** Resolves when the other workers' answers to our greeting are here. */
  readonly #introduced: Promise<unknown>;
  #isIntroduced = false;

  constructor(nsp: Namespace) {
    const before = new Set(process.listeners("message"));
    super(nsp);
    for (const listener of process.listeners("message")) {
      if (!before.has(listener)) process.off("message", listener);
    }
    // With connectionStateRecovery, which no adapter over IPC supports, the base class would add an
    // offset to each event's arguments, and clients would see it.
    Object.defineProperty(this, "addOffsetIfNecessary", { value: () => {} });
    if (adapters.size === 0) process.on("message", dispatch);
    const name = wireName(nsp);
    adapters.set(name, (adapters.get(name) ?? new Set()).add(this));
    this.#introduced = primaryChannel()
      .whois("")
      .then(() => {
        this.#isIntroduced = true;
      });
  }

  override broadcast(packet: Packet, opts: Opts): Promise<void> {
    // First here: a packet that cannot be encoded throws before the others get it.
    local.broadcast.call(this, packet, opts);
    return this.#tellOthers(opts, { type: BROADCAST, data: { packet, opts: encode(opts) } });
  }

  override addSockets(opts: Opts, rooms: Room[]): Promise<void> {
    const told = this.#tellOthers(opts, {
      type: SOCKETS_JOIN,
      data: { opts: encode(opts), rooms },
    });
    local.addSockets.call(this, opts, rooms);
    return told;
  }

  override delSockets(opts: Opts, rooms: Room[]): Promise<void> {
    const told = this.#tellOthers(opts, {
      type: SOCKETS_LEAVE,
      data: { opts: encode(opts), rooms },
    });
    local.delSockets.call(this, opts, rooms);
    return told;
  }

  override disconnectSockets(opts: Opts, close: boolean): Promise<void> {
    const data = { opts: encode(opts), close };
    // The others first: a listener of the application may throw here.
    const told = this.#tellOthers(opts, { type: DISCONNECT_SOCKETS, data });
    local.disconnectSockets.call(this, opts, close);
    return told;
  }

  async #tellOthers(opts: Opts, message: object): Promise<void> {
    if (!opts.flags?.local) this.publish(message as Parameters<this["publish"]>[0]);
  }

  override async serverCount(): Promise<number> {
    await this.#introduced;
    return super.serverCount();
  }

  override async fetchSockets(
    ...args: Parameters<NodeClusterAdapter["fetchSockets"]>
  ): ReturnType<NodeClusterAdapter["fetchSockets"]> {
    await this.#introduced;
    return super.fetchSockets(...args);
  }

  override async serverSideEmit(packet: unknown[]): Promise<void> {
    await this.#introduced;
    return super.serverSideEmit(packet);
  }

  receive(message: AdapterMessage): void {
    if (message.type === ADAPTER_CLOSE) this.#completeWithout(message.uid);
    this.onMessage({ ...message, nsp: this.nsp.name } as unknown as ClusterMessage);
  }

  override close(): void {
    super.close();
    const name = wireName(this.nsp);
    const ofNamespace = adapters.get(name);
    ofNamespace?.delete(this);
    if (ofNamespace?.size === 0) adapters.delete(name);
    if (adapters.size === 0) process.off("message", dispatch);
  }

  protected override async doPublish(message: ClusterMessage): Promise<string> {
    relay({ ...asPayload(message), source: ADAPTER_SOURCE, nsp: wireName(this.nsp) });
    return ""; // no offset: connection state recovery is not supported
  }

  protected override async doPublishResponse(
    requesterUid: string,
    response: ClusterResponse,
  ): Promise<void> {
    relay({ ...response, source: ADAPTER_SOURCE, requesterUid, nsp: wireName(this.nsp) });
  }

  /**
   * socket.io waits until as many servers have told their number of clients as there were, and as
   * many acknowledgements came as they told. A server that dies would leave both short. So each
   * server is told of only when it is complete, or dead, with the acknowledgements that came.
   */
  override broadcastWithAck(...[packet, opts, onServer, onAck]: BroadcastArgs): void {
    if (!this.#isIntroduced) {
      // Whoever called has gone on; without answers its own timeout tells it.
      this.#introduced
        .then(() => this.broadcastWithAck(packet, opts, onServer, onAck))
        .catch((error: Error) => process.emitWarning(error));
      return;
    }
    const others = [...this.#peers()];
    if (opts.flags?.local) {
      super.broadcastWithAck(packet, opts, onServer, onAck);
      for (const _ of others) onServer(0);
      return;
    }
    const pending: PendingBroadcast = {
      servers: new Map(others.map((uid) => [uid, { clients: -1, acks: 0 }])),
      onServer,
    };
    const before = new Set(this.#ackRequests().keys());
    super.broadcastWithAck(packet, opts, onServer, onAck);
    for (const requestId of this.#ackRequests().keys()) {
      if (!before.has(requestId)) this.#track(requestId, pending, opts.flags?.timeout);
    }
  }

  override onResponse(response: ClusterResponse): void {
    const type: number = response.type;
    if (type !== BROADCAST_CLIENT_COUNT && type !== BROADCAST_ACK) {
      super.onResponse(response);
      return;
    }
    const { uid, data } = response as unknown as {
      uid: string;
      data: { requestId: string; clientCount: number };
    };
    const pending = this.#broadcasts.get(data.requestId);
    const server = pending?.servers.get(uid);
    if (pending === undefined || server === undefined) return; // it joined after the broadcast
    if (type === BROADCAST_CLIENT_COUNT) {
      server.clients = data.clientCount;
    } else {
      server.acks++;
      super.onResponse(response);
    }
    if (server.clients === server.acks) this.#settle(pending, uid, server.acks);
  }

  /** A peer has said goodbye, or the primary said it on its behalf. */
  #completeWithout(uid: string): void {
    for (const pending of this.#broadcasts.values()) {
      const server = pending.servers.get(uid);
      if (server !== undefined) this.#settle(pending, uid, server.acks);
    }
  }

  #settle(pending: PendingBroadcast, uid: string, clients: number): void {
    pending.servers.delete(uid);
    pending.onServer(clients);
  }

  #track(requestId: string, pending: PendingBroadcast, timeout = 0): void {
    this.#broadcasts.set(requestId, pending);
    setTimeout(() => this.#broadcasts.delete(requestId), timeout).unref();
  }

  /** uids of the other workers' adapters (a private field of the base class). */
  #peers(): Iterable<string> {
    return (this as unknown as { nodesMap: Map<string, number> }).nodesMap.keys();
  }

  /** Broadcasts under way, by request id (a private field of the base class). */
  #ackRequests(): Map<string, unknown> {
    return (this as unknown as { ackRequests: Map<string, unknown> }).ackRequests;
  }
}

/** Not a method: the base class publishes from its constructor, before private fields exist. */
function relay(message: object): void {
  try {
    primaryChannel().relay(message);
  } catch {
    // Only serialization throws here; a channel that fails tells the callback.
    primaryChannel().relay(toCloneable(message) as object);
  }
}

/** A broadcast's payload as clients get it; the caller's own packet stays as it is. */
function asPayload<M extends { type: number }>(message: M): M {
  if (message.type !== BROADCAST) return message;
  const { data } = message as unknown as { data: { packet: { data: unknown } } };
  const packet = { ...data.packet, data: toPayload(data.packet.data) };
  return { ...message, data: { ...data, packet } };
}

/** Sets do not travel as the protocol of the adapter wants them. */
function encode({ rooms, except, flags }: Opts): object {
  return { rooms: [...rooms], except: [...(except ?? [])], flags };
}
