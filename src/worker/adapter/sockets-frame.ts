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

/** Everything but handshakes, and what JSON cannot carry; the lengths are those of handshakes. */
type Head = [
  uid: string,
  nsp: string,
  requesterUid: string,
  requestId: string,
  rows: Row[],
  lengths: number[],
  special: number,
];

/** Rooms: 0 for a socket that is only in its own. Without both, they are in the special part. */
type Row = [id: string, rooms: 0 | unknown[], data: unknown] | [id: string];

export function socketsFrame(found: FoundSockets): Buffer {
  const { uid, nsp, requesterUid, requestId, sockets } = found;
  const rows: Row[] = [];
  const special: Pick<SocketDetails, "rooms" | "data">[] = [];
  const handshakes: Buffer[] = [];
  let bytes = 0;
  for (const { id, handshake, rooms, data } of sockets) {
    const isAlone = rooms.length === 1 && rooms[0] === id;
    if (isPlain(data) && (isAlone || isPlain(rooms))) {
      rows.push([id, isAlone ? 0 : rooms, data]);
    } else {
      rows.push([id]);
      special.push({ rooms, data });
    }
    const encoded = encodeHandshake(handshake);
    handshakes.push(encoded);
    bytes += encoded.length;
  }
  const rest = special.length === 0 ? Buffer.alloc(0) : serializeWhatCan(special);
  const lengths = handshakes.map(({ length }) => length);
  const head: Head = [uid, nsp, requesterUid, requestId, rows, lengths, rest.length];
  const headBytes = Buffer.from(JSON.stringify(head));
  const frame = newFrame(Kind.SOCKETS, 4 + headBytes.length + rest.length + bytes);
  let at = frame.writeUInt32LE(headBytes.length, FRAME_HEAD);
  for (const part of [headBytes, rest, ...handshakes]) at += part.copy(frame, at);
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
  let at = 4 + payload.readUInt32LE(0);
  const head: unknown = JSON.parse(payload.toString("utf8", 4, at));
  if (!isHead(head)) throw new Error("Their head is another one");
  const [uid, nsp, requesterUid, requestId, rows, lengths, specialLength] = head;
  const specialBytes = payload.subarray(at, at + specialLength);
  at += specialLength;
  const special: unknown = specialLength === 0 ? [] : deserialize(specialBytes);
  if (!Array.isArray(special)) throw new Error("What is special is no list");
  const sockets = rows.map((row, n): SocketDetails => {
    const [id, rooms, data] = row;
    const end = at + (lengths[n] ?? 0);
    if (end > payload.length) throw new Error("They end in the middle");
    const handshake = lazyHandshake(payload.subarray(at, end));
    at = end;
    if (rooms !== undefined) return { id, handshake, rooms: rooms === 0 ? [id] : rooms, data };
    return { id, handshake, ...(special.shift() as Pick<SocketDetails, "rooms" | "data">) };
  });
  return { uid, nsp, requesterUid, requestId, sockets };
}

function isHead(value: unknown): value is Head {
  if (!Array.isArray(value)) return false;
  const [uid, nsp, requesterUid, requestId, rows, lengths, special] = value;
  return (
    [uid, nsp, requesterUid, requestId].every((text) => typeof text === "string") &&
    Array.isArray(rows) &&
    rows.every((row) => Array.isArray(row) && typeof row[0] === "string") &&
    Array.isArray(lengths) &&
    [...lengths, special].every((length) => Number.isSafeInteger(length) && length >= 0)
  );
}

/** The properties of a handshake, as socket.io makes it. */
const PROPERTIES = [
  ...["headers", "time", "address", "xdomain", "secure", "issued", "url", "query", "auth"],
];

/** What a handshake was when it was encoded, and the bytes. */
interface Encoded {
  readonly own: Readonly<Record<string, unknown>>;
  readonly auth: Readonly<Record<string, unknown>> | undefined;
  readonly bytes: Buffer;
}

const encodedHandshakes = new WeakMap<object, Encoded>();

/** The first byte of a handshake: it has the usual properties; it has others. */
const USUAL = 0;
const OTHER = 1;

/**
 * Once in a handshake's life, unless one of its properties, or of its `auth`, is another one now.
 */
function encodeHandshake(handshake: object): Buffer {
  const known = encodedHandshakes.get(handshake);
  const now = handshake as Record<string, unknown>;
  if (known !== undefined && isSame(known.own, now)) {
    if (known.auth === undefined || isSame(known.auth, now.auth as Record<string, unknown>)) {
      return known.bytes;
    }
  }
  const { sessionStore: _, ...sent } = now; // it may be circular
  const names = Object.keys(sent);
  const isUsual =
    names.length === PROPERTIES.length && names.every((name) => PROPERTIES.includes(name));
  const bytes = Buffer.concat([Buffer.of(isUsual ? USUAL : OTHER), serializeWhatCan(sent)]);
  const auth = typeof now.auth === "object" && now.auth !== null ? { ...now.auth } : undefined;
  encodedHandshakes.set(handshake, { own: { ...now }, auth, bytes });
  return bytes;
}

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

/** A handshake that is decoded when somebody looks at it; hardly anybody does. */
function lazyHandshake(bytes: Buffer): object {
  let decoded: Record<string, unknown> | undefined;
  const read = (name: string): unknown => {
    decoded ??= deserialize(bytes.subarray(1)) as Record<string, unknown>;
    return decoded[name];
  };
  if (bytes[0] !== USUAL) return deserialize(bytes.subarray(1)) as object;
  return {
    get headers() {
      return read("headers");
    },
    get time() {
      return read("time");
    },
    get address() {
      return read("address");
    },
    get xdomain() {
      return read("xdomain");
    },
    get secure() {
      return read("secure");
    },
    get issued() {
      return read("issued");
    },
    get url() {
      return read("url");
    },
    get query() {
      return read("query");
    },
    get auth() {
      return read("auth");
    },
  };
}
