/**
 * What travels between two workers: a length (4 bytes, of what follows the kind), a kind (1 byte),
 * and the rest.
 */
export const FRAME_HEAD = 5;

/** Bytes of the longest frame. */
export const MAX_FRAME = 1024 * 1024 * 1024;

/** The kinds of frames; numbers are never given to something else (M6). */
export const Kind = {
  /** The first on each connection, both ways. */
  GREETING: 1,
  /** News: the adapters that there are; one that opened; one that closed. */
  INTRODUCTION: 2,
  ADAPTER_OPEN: 3,
  ADAPTER_CLOSE: 4,
  /** News: hashes of rooms that have a member now, or none any more. */
  JOIN: 5,
  LEAVE: 6,
  /** "Say when you have read all that came before this", and the answer; on either lane. */
  SYNC: 7,
  SYNCED: 8,
  /** How much of a lane was read. */
  ACK: 9,
  /** Data: hashes of all rooms, in parts; all parts were sent. */
  SNAPSHOT: 10,
  SNAPSHOT_END: 11,
  /** Data: a message of an adapter; a broadcast, encoded for clients; sockets that were found. */
  MESSAGE: 12,
  BROADCAST: 13,
  SOCKETS: 14,
  /** Data: a message that the worker has numbered, for recovery; what workers tell of recovery. */
  NUMBERED: 15,
  RECOVERY: 16,
} as const;

const LAST_KIND = Kind.RECOVERY;

/** The other side does not keep to the format: nothing that follows can be understood. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Frames are cut from pieces of memory of this size, unless they are large themselves. */
const SLAB = 1024 * 1024;

let slab = Buffer.alloc(0);
let used = 0;

/**
 * With a piece of memory for each frame, what waits for a worker would lie between what is gone soon,
 * and little of it would return to the system.
 */
function allocate(size: number): Buffer {
  if (size > SLAB / 8) return Buffer.allocUnsafeSlow(size);
  if (used + size > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB);
    used = 0;
  }
  used += size;
  return slab.subarray(used - size, used);
}

/** A frame with room for `length` bytes after its head. */
export function newFrame(kind: number, length: number): Buffer {
  const frame = allocate(FRAME_HEAD + length);
  frame.writeUInt32LE(length, 0);
  frame[4] = kind;
  return frame;
}

export function frameOf(kind: number, payload: Uint8Array): Buffer {
  const frame = newFrame(kind, payload.byteLength);
  frame.set(payload, FRAME_HEAD);
  return frame;
}

export function jsonFrame(kind: number, value: unknown): Buffer {
  return frameOf(kind, Buffer.from(JSON.stringify(value)));
}

export function hashesFrame(kind: number, hashes: ArrayLike<number>): Buffer {
  const frame = newFrame(kind, 4 * hashes.length);
  for (let index = 0; index < hashes.length; index++) {
    frame.writeUInt32LE(hashes[index] as number, FRAME_HEAD + 4 * index);
  }
  return frame;
}

/** @throws FrameError */
export function* readHashes(payload: Buffer): Iterable<number> {
  if (payload.length % 4 !== 0) throw new FrameError("Hashes have four bytes each");
  for (let at = 0; at < payload.length; at += 4) yield payload.readUInt32LE(at);
}

/** Cuts what is read into frames. */
export class FrameReader {
  readonly #maxFrame: number;
  #parts: Buffer[] = [];
  #have = 0;
  /** Bytes that are needed before anything can be done. */
  #need = FRAME_HEAD;

  constructor(maxFrame = MAX_FRAME) {
    this.#maxFrame = maxFrame;
  }

  /**
   * @param onFrame gets each frame that is complete; `false` ends it: what was not used is kept
   * @throws FrameError
   */
  push(chunk: Buffer, onFrame: (kind: number, payload: Buffer) => unknown): void {
    this.#parts.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) return;
    let bytes = this.#take();
    let goesOn = true;
    while (goesOn && bytes.length >= FRAME_HEAD) {
      const length = bytes.readUInt32LE(0);
      const kind = bytes[4] as number;
      if (length > this.#maxFrame || kind === 0 || kind > LAST_KIND) {
        throw new FrameError(`A frame of kind ${kind} with ${length} bytes`);
      }
      const end = FRAME_HEAD + length;
      if (bytes.length < end) break;
      const payload = bytes.subarray(FRAME_HEAD, end);
      bytes = bytes.subarray(end);
      goesOn = onFrame(kind, payload) !== false;
    }
    this.#need =
      bytes.length < FRAME_HEAD || !goesOn ? FRAME_HEAD : FRAME_HEAD + bytes.readUInt32LE(0);
    if (bytes.length > 0) this.#parts.push(bytes);
    this.#have = bytes.length;
  }

  /** What has come of a frame that is not complete, or was not used. */
  rest(): Buffer {
    const rest = this.#take();
    this.#have = 0;
    this.#need = FRAME_HEAD;
    return rest;
  }

  #take(): Buffer {
    const [first] = this.#parts;
    const all =
      this.#parts.length === 1 && first !== undefined ? first : Buffer.concat(this.#parts);
    this.#parts = [];
    return all;
  }
}
