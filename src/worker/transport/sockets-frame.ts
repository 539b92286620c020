import { deserialize } from "node:v8";
import { FRAME_HEAD, FrameError, Kind, newFrame } from "../mesh/frames.js";
import { serializeWhatCan } from "./message-frame.js";
import { isPlain } from "./plain.js";

/** A socket, as `fetchSockets()` tells of it in another worker. */
export interface SocketDetails {
  id: string;
  handshake: object;
  rooms: unknown[];
  data: unknown;
}

/** Those that were found, for the adapter that asked. */
export interface FoundSockets {
  /** Of the adapter that answers. */
  uid: string;
  nsp: string;
  requesterUid: string;
  requestId: string;
  sockets: SocketDetails[];
}

/** Everything but handshakes, and what JSON cannot carry. */
type Head = [uid: string, nsp: string, requesterUid: string, requestId: string, rows: Row[]];

/** Rooms: 0 for a socket that is only in its own. Without both, they are in the special part. */
type Row = [id: string, rooms: 0 | unknown[], data: unknown] | [id: string];

/** What JSON cannot carry, of the sockets of which it is missing, in their order. */
interface Special {
  rest: Pick<SocketDetails, "rooms" | "data">[];
  handshakes: object[];
}

/** In the place of a handshake that is in the special part. */
const ELSEWHERE = 0;

/** The head, the handshakes (both JSON, one text each: to read many short ones costs more), the rest. */
export function socketsFrame(found: FoundSockets): Buffer {
  const { uid, nsp, requesterUid, requestId, sockets } = found;
  const rows: Row[] = [];
  const texts: string[] = [];
  const special: Special = { rest: [], handshakes: [] };
  for (const { id, handshake, rooms, data } of sockets) {
    const isAlone = rooms.length === 1 && rooms[0] === id;
    if (isPlain(data) && (isAlone || isPlain(rooms))) {
      rows.push([id, isAlone ? 0 : rooms, data]);
    } else {
      rows.push([id]);
      special.rest.push({ rooms, data });
    }
    const text = handshakeText(handshake);
    texts.push(text ?? String(ELSEWHERE));
    if (text === undefined) special.handshakes.push(sentOf(handshake));
  }
  const isAll = special.rest.length === 0 && special.handshakes.length === 0;
  const head: Head = [uid, nsp, requesterUid, requestId, rows];
  const parts = [
    Buffer.from(JSON.stringify(head)),
    Buffer.from(`[${texts.join(",")}]`),
    isAll ? Buffer.alloc(0) : serializeWhatCan(special),
  ] as const;
  const frame = newFrame(
    Kind.SOCKETS,
    parts.reduce((sum, { length }) => sum + length, 8),
  );
  let at = frame.writeUInt32LE(parts[0].length, FRAME_HEAD);
  at = frame.writeUInt32LE(parts[1].length, at);
  for (const part of parts) at += part.copy(frame, at);
  return frame;
}

/** @throws FrameError */
export function readSockets(payload: Buffer): FoundSockets {
  try {
    return read(payload);
  } catch (cause) {
    throw new FrameError("Sockets that cannot be read", { cause });
  }
}

function read(payload: Buffer): FoundSockets {
  const headEnd = 8 + payload.readUInt32LE(0);
  const end = headEnd + payload.readUInt32LE(4);
  if (end > payload.length) throw new Error("They end in the middle");
  const head: unknown = JSON.parse(payload.toString("utf8", 8, headEnd));
  const handshakes: unknown = JSON.parse(payload.toString("utf8", headEnd, end));
  if (!isHead(head) || !Array.isArray(handshakes)) throw new Error("Their head is another one");
  const special = end < payload.length ? readSpecial(payload.subarray(end)) : undefined;
  const [uid, nsp, requesterUid, requestId, rows] = head;
  if (handshakes.length !== rows.length) throw new Error("They have other handshakes");
  const sockets = rows.map((row, n): SocketDetails => {
    const [id, rooms, data] = row;
    const inJson: unknown = handshakes[n];
    const handshake = inJson === ELSEWHERE ? special?.handshakes.shift() : inJson;
    if (typeof handshake !== "object" || handshake === null)
      throw new Error("One has no handshake");
    if (rooms !== undefined) return { id, handshake, rooms: rooms === 0 ? [id] : rooms, data };
    const rest = special?.rest.shift();
    if (rest === undefined) throw new Error("What is special is not there");
    return { id, handshake, ...rest };
  });
  return { uid, nsp, requesterUid, requestId, sockets };
}

function readSpecial(bytes: Buffer): Special {
  const { rest, handshakes } = deserialize(bytes) as Partial<Special>;
  if (Array.isArray(rest) && Array.isArray(handshakes)) return { rest, handshakes };
  throw new Error("What is special is no list");
}

function isHead(value: unknown): value is Head {
  if (!Array.isArray(value)) return false;
  const [uid, nsp, requesterUid, requestId, rows] = value;
  return (
    [uid, nsp, requesterUid, requestId].every((text) => typeof text === "string") &&
    Array.isArray(rows) &&
    rows.every((row) => Array.isArray(row) && typeof row[0] === "string")
  );
}

/** What a handshake was when it was encoded, and its text. */
interface Encoded {
  readonly own: Readonly<Record<string, unknown>>;
  readonly auth: Readonly<Record<string, unknown>> | undefined;
  readonly text: string | undefined;
}

const encodedHandshakes = new WeakMap<object, Encoded>();

/** What is told of a handshake: its `sessionStore` may be circular. */
function sentOf(handshake: object): Record<string, unknown> {
  const { sessionStore: _, ...sent } = handshake as Record<string, unknown>;
  return sent;
}

/**
 * Once in a handshake's life, unless one of its properties, or of its `auth`, is another one now.
 *
 * @returns `undefined` when JSON cannot carry it
 */
function handshakeText(handshake: object): string | undefined {
  const known = encodedHandshakes.get(handshake);
  const now = handshake as Record<string, unknown>;
  if (known !== undefined && isSame(known.own, now)) {
    if (known.auth === undefined || isSame(known.auth, now.auth as Record<string, unknown>)) {
      return known.text;
    }
  }
  const sent = sentOf(handshake);
  // Node's parser makes queries without a prototype, which is not sent in any form.
  const { query } = sent;
  if (isBare(query)) sent.query = { ...query };
  const text = isPlain(sent) ? JSON.stringify(sent) : undefined;
  const auth = typeof now.auth === "object" && now.auth !== null ? { ...now.auth } : undefined;
  encodedHandshakes.set(handshake, { own: { ...now }, auth, text });
  return text;
}

const isBare = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;

/** Whether both have the same properties with the same values. */
function isSame(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>) {
  let count = 0;
  for (const name in b) {
    if (!Object.is(a[name], b[name])) return false;
    count++;
  }
  for (const _ in a) count--;
  return count === 0;
}
