import type { Adapter } from "socket.io-adapter";
import { type Packet, webSocketFrame, withId } from "../transport/encoded-packet.js";
import { Type } from "../transport/message-types.js";
import type { EncodedBroadcast, WireOpts } from "../transport/transport.js";
import { OutgoingPacket } from "./outgoing-packet.js";

/** A socket of socket.io, as far as the adapter writes to it. */
interface LocalSocket {
  readonly id: string;
  readonly handshake: object;
  readonly rooms: Iterable<unknown>;
  readonly data: unknown;
  readonly acks: Map<number, (...args: unknown[]) => void>;
  readonly client: { writeToEngine(parts: readonly unknown[], opts: object): void };
  notifyOutgoingListeners?(packet: Packet): void;
}

/** What TypeScript hides of an adapter. */
interface Applying {
  apply(opts: object, callback: (socket: LocalSocket) => void): void;
}

/**
 * Writes what another worker has encoded to the clients that it is for, as an adapter does it with
 * what it has encoded itself.
 *
 * @param broadcast `message`: its only part as a WebSocket frame contains it
 * @param answer tells the other worker how many clients there are, and what they answer
 */
export function writeToClients(
  adapter: Adapter,
  broadcast: EncodedBroadcast & { message?: Buffer | undefined },
  answer: (type: number, data: object) => void,
): void {
  const { packet, requestId, message } = broadcast;
  const { flags } = broadcast.opts;
  const nsp = adapter.nsp as { _ids: number };
  const id = requestId === undefined ? undefined : nsp._ids++;
  const parts = id === undefined ? [...packet.parts] : withId(packet, id);
  const text = id === undefined ? message : textOf(parts);
  const packetOpts = {
    preEncoded: true,
    volatile: flags.volatile,
    compress: flags.compress,
    ...(text && { wsPreEncodedFrame: webSocketFrame(text) }),
  };
  const outgoing = new OutgoingPacket(nsp, parts);
  let clientCount = 0;
  eachSocket(adapter, broadcast.opts, (socket) => {
    clientCount++;
    if (id !== undefined) {
      socket.acks.set(id, (answered) => answer(Type.BROADCAST_ACK, { packet: answered }));
    }
    socket.notifyOutgoingListeners?.(outgoing);
    socket.client.writeToEngine(parts, packetOpts);
  });
  if (id !== undefined) answer(Type.BROADCAST_CLIENT_COUNT, { clientCount });
}

/** Calls `act` for those of this worker's sockets that `opts` are about. */
export function eachSocket(adapter: Adapter, opts: WireOpts, act: (socket: LocalSocket) => void) {
  const sets = { rooms: new Set(opts.rooms), except: new Set(opts.except) };
  (adapter as unknown as Applying).apply(sets, act);
}

function textOf(parts: readonly (string | Buffer)[]): Buffer | undefined {
  const [first] = parts;
  return typeof first === "string" && parts.length === 1 ? Buffer.from(`4${first}`) : undefined;
}
