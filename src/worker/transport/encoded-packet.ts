/** What a parser makes of a packet: for the default one a string, and the binary data in it. */
export interface EncodedPacket {
  readonly parts: readonly (string | Buffer)[];
  /** Where the first part takes the number of an acknowledgement; -1: nowhere. */
  readonly idAt: number;
}

/** A Socket.IO packet, as far as this is concerned. */
export interface Packet {
  type: number;
  data?: unknown;
  id?: number;
  nsp?: string;
}

/**
 * What `encoder.encode()` gave for `packet`, to be written to clients of other workers.
 *
 * Acknowledgements are numbered by the worker of the client, so the number is taken out; that can
 * be done with strings in the format of the default parser.
 *
 * @returns `undefined` when it cannot be sent so: with another parser than those that give strings
 *   and bytes, and for acknowledgements in another format
 */
export function toEncodedPacket(packet: Packet, encoded: unknown): EncodedPacket | undefined {
  if (!Array.isArray(encoded)) return undefined;
  const parts: (string | Buffer)[] = [];
  for (const part of encoded) {
    const taken = typeof part === "string" ? part : asBuffer(part);
    if (taken === undefined) return undefined;
    parts.push(taken);
  }
  if (packet.id === undefined) return { parts, idAt: -1 };
  const [first] = parts;
  if (typeof first !== "string") return undefined;
  const attachments = parts.length > 1 ? `${parts.length - 1}-` : "";
  const nsp = packet.nsp === undefined || packet.nsp === "/" ? "" : `${packet.nsp},`;
  const type = parts.length > 1 ? BINARY_EVENT : EVENT;
  const head = `${type}${attachments}${nsp}`;
  if (!first.startsWith(`${head}${packet.id}[`)) return undefined;
  parts[0] = head + first.slice(head.length + String(packet.id).length);
  return { parts, idAt: head.length };
}

/** Packet types of Socket.IO's protocol. */
const EVENT = 2;
const BINARY_EVENT = 5;

/** The same with the number of an acknowledgement. */
export function withId({ parts, idAt }: EncodedPacket, id: number): (string | Buffer)[] {
  const [first, ...rest] = parts;
  if (typeof first !== "string" || idAt < 0) return [...parts];
  return [first.slice(0, idAt) + id + first.slice(idAt), ...rest];
}

function asBuffer(part: unknown): Buffer | undefined {
  if (Buffer.isBuffer(part)) return part;
  if (part instanceof ArrayBuffer) return Buffer.from(part);
  if (!ArrayBuffer.isView(part)) return undefined;
  return Buffer.from(part.buffer, part.byteOffset, part.byteLength);
}

/**
 * A whole, unmasked WebSocket text frame around `data`, as ws's `Sender.frame()` makes it.
 *
 * @param data begins with the packet type of Engine.IO
 */
export function webSocketFrame(data: Buffer): [head: Buffer, data: Buffer] {
  const { length } = data;
  const head = Buffer.allocUnsafe(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x81; // final, text
  if (length < 126) {
    head[1] = length;
  } else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return [head, data];
}

/** Remembers what the parser made of the last packet. */
export class Capture {
  readonly #encoder: { encode(packet: unknown): unknown };
  last: unknown;

  constructor(encoder: { encode(packet: unknown): unknown }) {
    this.#encoder = encoder;
  }

  encode(packet: unknown): unknown {
    this.last = this.#encoder.encode(packet);
    return this.last;
  }
}
