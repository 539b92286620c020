import { serialize } from "node:v8";

/** `send` of a cluster worker or of a process: `false` when its channel is behind. */
type Send = (message: object, written: () => void) => boolean | undefined;

/**
 * Counts the bytes that wait in this process for the other end of an IPC channel.
 *
 * Node tells two things of what it was given: whether the channel is behind (what waits is more
 * than 128 KiB, or a socket is under way in front), and when it was written. So a message is
 * measured only when it is one of those that make the channel fall behind: on one that keeps up,
 * counting costs a callback. What waits and is not counted is less than those 128 KiB.
 */
export class SendQueue {
  readonly #send: Send;
  #bytes = 0;
  /** The largest message since the queue was empty. */
  #largest = 0;

  constructor(send: Send) {
    this.#send = send;
  }

  /** What waits. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * What waits beside one message: a single large one says nothing about how fast the other end
   * reads.
   */
  get backlog(): number {
    return this.#bytes - this.#largest;
  }

  /**
   * @param size of the message in bytes; asked for only when it matters
   * @throws DataCloneError when it cannot be serialized
   */
  send(message: object, size: () => number = () => sizeOf(message)): void {
    let counted = 0;
    const keepsUp = this.#send(message, () => {
      this.#bytes -= counted;
      counted = 0;
      if (this.#bytes === 0) this.#largest = 0;
    });
    if (keepsUp !== false) return;
    counted = size();
    this.#bytes += counted;
    this.#largest = Math.max(this.#largest, counted);
  }
}

/** As IPC with `serialization: "advanced"` has it, but for a few bytes. */
export function sizeOf(message: object): number {
  return serialize(message).byteLength;
}

/** The same, of a message for several receivers: it is measured once. */
export function measuredOnce(message: object): () => number {
  let size: number | undefined;
  return () => {
    size ??= sizeOf(message);
    return size;
  };
}
