/**
 * The messages of the cluster adapters: those of `@socket.io/cluster-adapter`, so that its own
 * adapter takes part as well. socket.io-adapter reads their fields without a look, and what throws
 * there ends the process; so nothing reaches it that does not pass the guard here.
 */
import { MAX_TEXT } from "../limits.js";

/** `source` of every message of `@socket.io/cluster-adapter`. */
export const ADAPTER_SOURCE = "_sio_adapter";

/** `MessageType` of socket.io-adapter; a test holds the two equal. */
export const AdapterType = {
  INITIAL_HEARTBEAT: 1,
  HEARTBEAT: 2,
  BROADCAST: 3,
  SOCKETS_JOIN: 4,
  SOCKETS_LEAVE: 5,
  DISCONNECT_SOCKETS: 6,
  FETCH_SOCKETS: 7,
  FETCH_SOCKETS_RESPONSE: 8,
  SERVER_SIDE_EMIT: 9,
  SERVER_SIDE_EMIT_RESPONSE: 10,
  BROADCAST_CLIENT_COUNT: 11,
  BROADCAST_ACK: 12,
  ADAPTER_CLOSE: 13,
} as const;

/** A message of the cluster adapter; `uid` names one adapter (one namespace of one worker). */
export interface AdapterMessage {
  source: typeof ADAPTER_SOURCE;
  type: number;
  uid: string;
  nsp: string;
  /** Of a response: the adapter that it is for. */
  requesterUid?: string;
}

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= MAX_TEXT;
const isOptionalText = (value: unknown): boolean => value === undefined || isText(value);

/** Rooms may be of any type, `undefined` included; a hole is nothing that an adapter sends. */
function isList(value: unknown): value is unknown[] {
  if (!Array.isArray(value)) return false;
  for (let index = 0; index < value.length; index++) if (!(index in value)) return false;
  return true;
}

const isOpts = (value: unknown): boolean =>
  isFields(value) &&
  isList(value.rooms) &&
  isList(value.except) &&
  (value.flags === undefined || value.flags === null || isFields(value.flags));

/** Packet types of Socket.IO's protocol, from CONNECT to BINARY_ACK; an event has a name. */
const isPacket = (value: unknown): boolean =>
  isFields(value) &&
  Number.isInteger(value.type) &&
  Number(value.type) >= 0 &&
  Number(value.type) <= 6 &&
  ((value.type !== 2 && value.type !== 5) || isEvent(value.data));

const isEvent = (value: unknown): value is unknown[] => isList(value) && value.length > 0;

/** Events that Socket.IO emits itself, and refuses to send. */
const RESERVED = ["connect", "connection", "new_namespace"];

const isSocketDetails = (value: unknown): boolean =>
  isFields(value) &&
  typeof value.id === "string" &&
  isList(value.rooms) &&
  isFields(value.handshake);

const none = (): boolean => true;

/** By type: whether `data` has what the base class reads of it. */
const DATA: Readonly<Record<number, (data: Fields) => boolean>> = {
  [AdapterType.BROADCAST]: (d) =>
    isPacket(d.packet) && isOpts(d.opts) && isOptionalText(d.requestId),
  [AdapterType.SOCKETS_JOIN]: (d) => isOpts(d.opts) && isList(d.rooms),
  [AdapterType.SOCKETS_LEAVE]: (d) => isOpts(d.opts) && isList(d.rooms),
  [AdapterType.DISCONNECT_SOCKETS]: (d) => isOpts(d.opts),
  [AdapterType.FETCH_SOCKETS]: (d) => isOpts(d.opts) && isText(d.requestId),
  [AdapterType.FETCH_SOCKETS_RESPONSE]: (d) =>
    isText(d.requestId) && isList(d.sockets) && d.sockets.every(isSocketDetails),
  [AdapterType.SERVER_SIDE_EMIT]: (d) =>
    isEvent(d.packet) &&
    !RESERVED.some((name) => name === (d.packet as unknown[])[0]) &&
    isOptionalText(d.requestId),
  [AdapterType.SERVER_SIDE_EMIT_RESPONSE]: (d) => isText(d.requestId),
  [AdapterType.BROADCAST_CLIENT_COUNT]: (d) =>
    isText(d.requestId) && Number.isSafeInteger(d.clientCount) && Number(d.clientCount) >= 0,
  [AdapterType.BROADCAST_ACK]: (d) => isText(d.requestId),
};

/** Types that say all by themselves. */
const WITHOUT_DATA: readonly number[] = [
  AdapterType.INITIAL_HEARTBEAT,
  AdapterType.HEARTBEAT,
  AdapterType.ADAPTER_CLOSE,
];

const RESPONSES: readonly number[] = [
  AdapterType.FETCH_SOCKETS_RESPONSE,
  AdapterType.SERVER_SIDE_EMIT_RESPONSE,
  AdapterType.BROADCAST_CLIENT_COUNT,
  AdapterType.BROADCAST_ACK,
];

/** Whether `message` says of itself that it is one of an adapter; it may still be broken. */
export function claimsAdapter(message: unknown): boolean {
  return isFields(message) && message.source === ADAPTER_SOURCE;
}

export function isAdapterMessage(message: unknown): message is AdapterMessage {
  if (!isFields(message) || message.source !== ADAPTER_SOURCE) return false;
  const { type, uid, nsp, requesterUid, data } = message;
  if (typeof type !== "number" || !isText(uid) || !isText(nsp)) return false;
  if (!isOptionalText(requesterUid)) return false;
  const check = WITHOUT_DATA.includes(type) ? none : DATA[type];
  return check !== undefined && (check === none || (isFields(data) && check(data)));
}

/** Answers concern the one adapter that has asked. */
export function isResponse({ type }: AdapterMessage): boolean {
  return RESPONSES.includes(type);
}
