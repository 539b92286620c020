import { deserialize, serialize } from "node:v8";
import { FRAME_HEAD, FrameError, Kind, newFrame } from "../mesh/frames.js";
import type { EncodedBroadcast, Room } from "./transport.js";

/** What stands before a string, so that it is what a WebSocket frame contains: Engine.IO's "message". */
const MESSAGE = 0x34;

/** Format of the head. */
const JSON_HEAD = 0;
const V8_HEAD = 1;

const VOLATILE = 1;
const COMPRESS = 2;
const DO_NOT_COMPRESS = 4;

/** Everything but the parts; their lengths (bytes), negative ones are those of binary parts. */
type Head = [
  uid: string,
  nsp: string,
  rooms: Room[],
  except: Room[],
  flags: number,
  requestId: string,
  idAt: number,
  lengths: number[],
];

export function broadcastFrame(broadcast: EncodedBroadcast): Buffer {
  const { uid, nsp, opts, packet, requestId = "" } = broadcast;
  const { flags } = opts;
  const compress = flags.compress === undefined ? 0 : flags.compress ? COMPRESS : DO_NOT_COMPRESS;
  const lengths = packet.parts.map((part) =>
    typeof part === "string" ? Buffer.byteLength(part) : -1 - part.length,
  );
  const head: Head = [
    ...([uid, nsp, opts.rooms, opts.except] as const),
    ...([(flags.volatile ? VOLATILE : 0) | compress, requestId, packet.idAt, lengths] as const),
  ];
  const isPlain = opts.rooms.every(isString) && opts.except.every(isString);
  // Rooms may be of any type; only strings are the same in JSON.
  const headBytes = isPlain ? Buffer.from(JSON.stringify(head)) : serialize(head);
  let size = 5 + headBytes.length;
  for (const length of lengths) size += length < 0 ? -1 - length : length + 1;

  const frame = newFrame(Kind.BROADCAST, size);
  let at = FRAME_HEAD;
  frame[at++] = isPlain ? JSON_HEAD : V8_HEAD;
  at = frame.writeUInt32LE(headBytes.length, at);
  at += headBytes.copy(frame, at);
  for (const part of packet.parts) {
    if (typeof part === "string") {
      frame[at++] = MESSAGE;
      at += frame.write(part, at);
    } else {
      at += part.copy(frame, at);
    }
  }
  return frame;
}

const isString = (room: unknown): boolean => typeof room === "string";

export interface ReadBroadcast extends EncodedBroadcast {
  /** The first part as a WebSocket frame contains it, if it is the only one and a string. */
  message: Buffer | undefined;
}

/** @throws FrameError */
export function readBroadcast(payload: Buffer): ReadBroadcast {
  try {
    return read(payload);
  } catch (cause) {
    throw new FrameError("A broadcast that cannot be read", { cause });
  }
}

function read(payload: Buffer): ReadBroadcast {
  let at = 5 + payload.readUInt32LE(1);
  const headBytes = payload.subarray(5, at);
  const head: unknown =
    payload[0] === JSON_HEAD ? JSON.parse(headBytes.toString()) : deserialize(headBytes);
  if (!isHead(head)) throw new Error("Its head is another one");
  const [uid, nsp, rooms, except, flags, requestId, idAt, lengths] = head;
  const parts: (string | Buffer)[] = [];
  let message: Buffer | undefined;
  for (const length of lengths) {
    const start = length < 0 ? at : at + 1;
    const end = start + (length < 0 ? -1 - length : length);
    if (end > payload.length) throw new Error("It ends in the middle");
    parts.push(length < 0 ? payload.subarray(start, end) : payload.toString("utf8", start, end));
    if (length >= 0 && lengths.length === 1) message = payload.subarray(at, end);
    at = end;
  }
  const opts = {
    rooms,
    except,
    flags: {
      ...(flags & VOLATILE && { volatile: true }),
      ...(flags & (COMPRESS | DO_NOT_COMPRESS) && { compress: (flags & COMPRESS) !== 0 }),
    },
  };
  const packet = { parts, idAt };
  return { uid, nsp, opts, packet, requestId: requestId || undefined, message };
}

function isHead(value: unknown): value is Head {
  if (!Array.isArray(value)) return false;
  const [uid, nsp, rooms, except, flags, requestId, idAt, lengths] = value;
  return (
    typeof uid === "string" &&
    typeof nsp === "string" &&
    Array.isArray(rooms) &&
    Array.isArray(except) &&
    Number.isInteger(flags) &&
    typeof requestId === "string" &&
    Number.isInteger(idAt) &&
    Array.isArray(lengths) &&
    lengths.every(Number.isSafeInteger)
  );
}
