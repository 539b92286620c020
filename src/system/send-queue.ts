import { PackedMessages, packed } from "./packed-messages.js";

/** `send` of a cluster worker or of a process: `false` when its channel is behind. */
type Send = (message: object, written: () => void) => boolean | undefined;

/** Bytes that Node is given beyond what the channel takes at once; what is said then is kept here. */
const MAX_GIVEN = 1024 * 1024;

/**
 * What waits in this process for the other end of an IPC channel: keeps it, and counts its bytes.
 *
 * Node tells two things of what it was given: whether the channel is behind (what waits is more
 * than 128 KiB, or a socket is under way in front), and when it was written. So a message is
 * measured only when it is one of those that make the channel fall behind: on one that keeps up,
 * counting costs a callback. What waits and is not counted is less than those 128 KiB. Of a channel
 * that is far behind, Node has one MiB; the rest waits as bytes (packed-messages.ts), in its order.
 */
export class SendQueue {
  readonly #send: Send;
  readonly #packed = new PackedMessages();
  /** What Node has. */
  #given = 0;
  /** The largest message since the queue was empty. */
  #largest = 0;

  constructor(send: Send) {
    this.#send = send;
  }

  /** What waits. */
  get bytes(): number {
    return this.#given + this.#packed.bytes;
  }

  /**
   * What waits beside one message: a single large one says nothing about how fast the other end
   * reads.
   */
  get backlog(): number {
    return this.bytes - this.#largest;
  }

  /**
   * @param of the same message for several receivers: what is worked out for one serves all
   * @throws Error when it cannot be serialized
   */
  send(message: object, of = new Outgoing(message)): void {
    if (this.#packed.isEmpty && this.#given < MAX_GIVEN) {
      this.#give(message, () => of.size);
      return;
    }
    this.#packed.push(of.bytes);
    this.#largest = Math.max(this.#largest, of.bytes.length);
  }

  /** Forgets what Node was not given yet: nobody will read it. */
  clear(): void {
    this.#packed.clear();
  }

  #give(message: object, size: () => number): void {
    // What calls back must not hold the message: as long as it waits, there would be two of it.
    let counted = 0;
    const keepsUp = this.#send(message, () => {
      this.#given -= counted;
      counted = 0;
      this.#goOn();
      if (this.bytes === 0) this.#largest = 0;
    });
    if (keepsUp !== false) return;
    counted = size();
    this.#given += counted;
    this.#largest = Math.max(this.#largest, counted);
  }

  #goOn(): void {
    while (this.#given < MAX_GIVEN) {
      const next = this.#packed.shift();
      if (next === undefined) return;
      this.#give(next.message, () => next.size);
    }
  }
}

/** A message for one or several receivers: it is measured and serialized once, if at all. */
export class Outgoing {
  readonly #message: object;
  #size: number | undefined;
  #bytes: Buffer | undefined;

  constructor(message: object) {
    this.#message = message;
  }

  /** About how many bytes it has. */
  get size(): number {
    this.#size ??= sizeOf(this.#message);
    return this.#size;
  }

  /** @throws Error when it cannot be serialized */
  get bytes(): Buffer {
    this.#bytes ??= packed(this.#message);
    return this.#bytes;
  }
}

/** Longer arrays may be nothing but holes, which are not walked. */
const WALKED_BY_INDEX = 10_000;

/**
 * Bytes of a message, within a few per cent of what `serialization: "advanced"` makes of it (more for
 * texts beyond ASCII). Without serializing it, which would leave as much garbage as waits.
 */
export function sizeOf(message: object): number {
  let bytes = 0;
  const seen = new Set<object>();
  const rest: unknown[] = [message];
  while (rest.length > 0) {
    const value = rest.pop();
    if (typeof value === "string") bytes += Buffer.byteLength(value) + 4;
    else if (typeof value !== "object" || value === null) bytes += 8;
    else if (!seen.has(value)) {
      seen.add(value);
      bytes += 8;
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) bytes += value.byteLength;
      else bytes += pushParts(value, rest);
    }
  }
  return bytes;
}

/** @returns bytes of the names of its parts */
function pushParts(value: object, parts: unknown[]): number {
  if (value instanceof Map) for (const [key, item] of value) parts.push(key, item);
  else if (value instanceof Set) for (const item of value) parts.push(item);
  else if (Array.isArray(value) && value.length <= WALKED_BY_INDEX) {
    for (const item of value) parts.push(item);
  } else {
    let bytes = 0;
    for (const [key, item] of Object.entries(value)) {
      bytes += key.length + 2;
      parts.push(item);
    }
    return bytes;
  }
  return 0;
}
