import { deserialize, serialize } from "node:v8";

/** Bytes of a chunk; a message that is longer has one of its own. */
const CHUNK = 1024 * 1024;

/** Chunks without content that are kept: what waited for a worker that was killed serves the next. */
const MAX_SPARE_CHUNKS = 64;

/** ms after which those that nobody needed are given up. */
const SPARE_TIMEOUT = 30_000;

const HEAD = 4;

const spare: Buffer[] = [];
let giveUp: NodeJS.Timeout | undefined;

function takeChunk(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
}

function giveBack(chunk: Buffer): void {
  if (chunk.length !== CHUNK || spare.length >= MAX_SPARE_CHUNKS) return;
  spare.push(chunk);
  clearTimeout(giveUp);
  giveUp = setTimeout(() => spare.splice(0), SPARE_TIMEOUT).unref();
}

interface Chunk {
  bytes: Buffer;
  end: number;
}

/**
 * Messages that wait, first in, first out, as bytes in a few large buffers.
 *
 * Left to Node, each would wait in a buffer of its own: between the short-lived ones of what comes
 * in they cannot be returned to the system, and when a worker is killed, all of them wait for the
 * garbage collector while what is for the next one piles up. Measured with 64 MiB that wait: the
 * primary grew by up to 150 MB.
 */
export class PackedMessages {
  readonly #chunks: Chunk[] = [];
  /** Where the first message begins, in the first chunk. */
  #start = 0;
  #bytes = 0;

  /** Of all messages. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** @param message as `packed()` gives it */
  push(message: Buffer): void {
    const length = HEAD + message.length;
    let last = this.#chunks.at(-1);
    if (last === undefined || last.end + length > last.bytes.length) {
      const bytes = length > CHUNK ? Buffer.allocUnsafeSlow(length) : takeChunk();
      last = { bytes, end: 0 };
      this.#chunks.push(last);
    }
    last.bytes.writeUInt32LE(message.length, last.end);
    message.copy(last.bytes, last.end + HEAD);
    last.end += length;
    this.#bytes += message.length;
  }

  /** @returns the first message and its bytes; `undefined`: there is none */
  shift(): { message: object; size: number } | undefined {
    const [first] = this.#chunks;
    if (first === undefined) return undefined;
    const size = first.bytes.readUInt32LE(this.#start);
    const begin = this.#start + HEAD;
    // A copy: views in the message would be views of the chunk, which is used again.
    const message: object = deserialize(Buffer.from(first.bytes.subarray(begin, begin + size)));
    this.#bytes -= size;
    this.#start = begin + size;
    if (this.#start === first.end) {
      this.#chunks.shift();
      this.#start = 0;
      giveBack(first.bytes);
    }
    return { message, size };
  }

  clear(): void {
    for (const { bytes } of this.#chunks.splice(0)) giveBack(bytes);
    this.#start = 0;
    this.#bytes = 0;
  }
}

/** @throws Error when it cannot be serialized */
export function packed(message: object): Buffer {
  return serialize(message);
}
