import {
  Adapter,
  ClusterAdapterWithHeartbeat,
  type ClusterMessage,
  type ClusterResponse,
} from "socket.io-adapter";
import {
  ADAPTER_SOURCE,
  type AdapterMessage,
  claimsAdapter,
  isAdapterMessage,
} from "../../protocol/adapter-messages.js";
import { primaryChannel } from "../primary-channel.js";
import { toCloneable, toPayload } from "../transport/cloneable.js";
import { Type } from "../transport/message-types.js";
import { AckedBroadcasts } from "./acked-broadcasts.js";

type Base = ClusterAdapterWithHeartbeat;
type Namespace = Adapter["nsp"];
type Packet = Parameters<Base["broadcast"]>[0];
type Opts = Parameters<Base["broadcast"]>[1];
type Room = string;
type BroadcastArgs = Parameters<Base["broadcastWithAck"]>;

const { BROADCAST, SOCKETS_JOIN, SOCKETS_LEAVE, DISCONNECT_SOCKETS } = Type;
const { ADAPTER_CLOSE, BROADCAST_ACK, BROADCAST_CLIENT_COUNT } = Type;

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
 * A cluster adapter that relays through the primary, with the messages and the heartbeats of
 * `@socket.io/cluster-adapter`, whose adapter can take part. It differs from that one:
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
export class IpcAdapter extends ClusterAdapterWithHeartbeat {
  readonly #acked = new AckedBroadcasts();
  /** Resolves when the other workers' answers to our greeting are here. */
  readonly #introduced: Promise<unknown>;
  #isIntroduced = false;

  constructor(nsp: Namespace) {
    super(nsp, {});
    // With connectionStateRecovery, which no adapter over IPC supports, the base class would add an
    // offset to each event's arguments, and clients would see it.
    Object.defineProperty(this, "addOffsetIfNecessary", { value: () => {} });
    if (adapters.size === 0) process.on("message", dispatch);
    const name = wireName(nsp);
    adapters.set(name, (adapters.get(name) ?? new Set()).add(this));
    super.init(); // the greeting: not every socket.io that this package works with calls init()
    this.#introduced = primaryChannel()
      .whois("")
      .then(() => {
        this.#isIntroduced = true;
      });
  }

  /** The constructor has greeted the others already. */
  override init(): void {}

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
    ...args: Parameters<Base["fetchSockets"]>
  ): ReturnType<Base["fetchSockets"]> {
    await this.#introduced;
    return super.fetchSockets(...args);
  }

  override async serverSideEmit(packet: unknown[]): Promise<void> {
    await this.#introduced;
    return super.serverSideEmit(packet);
  }

  receive(message: AdapterMessage): void {
    if (message.type === ADAPTER_CLOSE) this.#acked.lost(message.uid);
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

  override broadcastWithAck(...args: BroadcastArgs): void {
    if (!this.#isIntroduced) {
      // Whoever called has gone on; without answers its own timeout tells it.
      this.#introduced
        .then(() => this.broadcastWithAck(...args))
        .catch((error: Error) => process.emitWarning(error));
      return;
    }
    const [packet, opts, onServer, onAck] = args;
    const others = [...this.#peers()];
    local.broadcastWithAck.call(this, packet, opts, onServer, onAck);
    if (opts.flags?.local) {
      for (const _ of others) onServer(0);
      return;
    }
    const requestId = this.#acked.start(onServer, onAck, opts.flags?.timeout);
    this.#acked.sent(requestId, others);
    const data = { packet, opts: encode(opts), requestId };
    this.publish({ type: BROADCAST, data } as unknown as Parameters<this["publish"]>[0]);
  }

  override onResponse(response: ClusterResponse): void {
    const type: number = response.type;
    if (type === BROADCAST_CLIENT_COUNT || type === BROADCAST_ACK) this.#acked.onResponse(response);
    else super.onResponse(response);
  }

  /** uids of the other workers' adapters (a private field of the base class). */
  #peers(): Iterable<string> {
    return (this as unknown as { nodesMap: Map<string, number> }).nodesMap.keys();
  }
}

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
