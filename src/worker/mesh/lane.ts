import type { Duplex } from "node:stream";
import { FRAME_HEAD, FrameError, FrameReader } from "./frames.js";

/**
 * After so many bytes the other side is told how much was read: whole frames only; that something
 * of a long one has come is worth telling all the same.
 */
const ACK_EVERY = 256 * 1024;

/** Frames of one turn are copied together up to so many bytes; longer ones are written as they are. */
const MERGE = 64 * 1024;

export interface LaneListener {
  onFrame(kind: number, payload: Buffer): void;
  /** All that has come is read; what it led to can leave together. */
  onRead(): void;
  /** The other side may forget what it sent before `offset`. */
  onAckDue(offset: number): void;
  /** The connection is gone; `error`: it was closed because of what came over it. */
  onBreak(error: FrameError | undefined): void;
}

/**
 * One of the two streams of frames between two workers, over one connection after another.
 *
 * What was sent is kept until the other side has read it, and both count bytes: when a connection
 * breaks, the next one goes on where the other side has stopped reading. So nothing is lost and
 * nothing comes twice while both live.
 */
export class Lane {
  readonly #listener: LaneListener;
  #socket: Duplex | undefined;
  /** Given to a connection and not read by the other side yet, from offset `#acked` on. */
  #sent: Buffer[] = [];
  #acked = 0;
  #sentEnd = 0;
  /** Not given to a connection. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #flush: NodeJS.Immediate | undefined;
  #reader = new FrameReader();
  #read = 0;
  #received = 0;
  #receivedTold = 0;
  #acks = 0;

  constructor(listener: LaneListener) {
    this.#listener = listener;
  }

  get isAttached(): boolean {
    return this.#socket !== undefined;
  }

  /** Bytes that wait in this process. */
  get waiting(): number {
    const unread = this.#socket === undefined ? this.#sentEnd - this.#acked : 0;
    return this.#pendingBytes + unread + (this.#socket?.writableLength ?? 0);
  }

  /**
   * Another number whenever the other side has read something of what waits for it. Where nothing
   * waits, what is sent leaves at once, and that says nothing about who reads it.
   */
  get progress(): number {
    const held = this.#socket?.writableLength ?? 0;
    return this.#acks + (held > 0 ? this.#sentEnd - held : 0);
  }

  /** How often the other side has said that something has come. */
  get acks(): number {
    return this.#acks;
  }

  /** Bytes that have come, of frames that are not complete as well. */
  get received(): number {
    return this.#received;
  }

  /** How much the other side is known to have read of what was sent (bytes). */
  get acked(): number {
    return this.#acked;
  }

  /** How much was read of what the other side has sent (bytes). */
  get read(): number {
    return this.#read;
  }

  /** Leaves with all else that this turn of the event loop sends. */
  send(frame: Buffer): void {
    this.#pending.push(frame);
    this.#pendingBytes += frame.length;
    this.#flush ??= setImmediate(() => this.flush());
  }

  /** What was sent leaves now, in one write. */
  flush(): void {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    const socket = this.#socket;
    if (socket === undefined || this.#pendingBytes === 0) return;
    const frames = this.#pending;
    this.#pending = [];
    const chunks =
      frames.length > 1 && this.#pendingBytes <= MERGE ? [Buffer.concat(frames)] : frames;
    this.#sentEnd += this.#pendingBytes;
    this.#pendingBytes = 0;
    this.#sent.push(...chunks);
    write(socket, chunks);
  }

  /**
   * The other side says that it has read all before `offset`.
   *
   * @throws FrameError
   */
  heardAck(offset: number): void {
    this.#acks++;
    this.#acknowledged(offset);
  }

  #acknowledged(offset: number): void {
    if (!(offset <= this.#sentEnd)) throw new FrameError(`It has read ${offset} bytes, it says`);
    let done = 0;
    for (const chunk of this.#sent) {
      if (this.#acked + chunk.length > offset) break;
      this.#acked += chunk.length;
      done++;
    }
    this.#sent.splice(0, done);
  }

  /**
   * Goes on over this connection, of which nothing but greetings was read.
   *
   * @param offset how much the other side has read
   * @param early what came behind its greeting
   * @throws FrameError when it claims to have read what was not sent, or asks for what is forgotten
   */
  attach(socket: Duplex, offset: number, early: Buffer): void {
    if (offset < this.#acked || offset > this.#sentEnd) {
      throw new FrameError(`It has read ${offset} bytes of ${this.#acked} to ${this.#sentEnd}`);
    }
    this.detach();
    this.#socket = socket;
    this.#reader = new FrameReader();
    this.#acknowledged(offset);
    const [first] = this.#sent;
    if (first !== undefined && offset > this.#acked) {
      this.#sent[0] = first.subarray(offset - this.#acked);
      this.#acked = offset;
    }
    const lost = (): void => this.#lost(socket, undefined);
    socket.on("data", (chunk: Buffer) => this.#onData(socket, chunk));
    socket.on("error", lost).on("end", lost).on("close", lost);
    if (this.#sent.length > 0) write(socket, this.#sent);
    if (early.length > 0) this.#onData(socket, early);
    this.flush();
  }

  /** Lets go of the connection. */
  detach(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }

  /** Lets go of everything, for good. */
  close(): void {
    this.detach();
    clearImmediate(this.#flush);
    this.#sent = [];
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#acked = this.#sentEnd;
  }

  #onData(socket: Duplex, chunk: Buffer): void {
    if (this.#socket !== socket) return;
    this.#received += chunk.length;
    try {
      this.#reader.push(chunk, (kind, payload) => {
        // Counted first: what it leads to may close this lane.
        this.#read += FRAME_HEAD + payload.length;
        this.#listener.onFrame(kind, payload);
        return this.#socket === socket;
      });
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#lost(socket, error);
      return;
    }
    this.#listener.onRead();
    if (this.#received - this.#receivedTold < ACK_EVERY || this.#socket !== socket) return;
    this.#receivedTold = this.#received;
    this.#listener.onAckDue(this.#read);
  }

  #lost(socket: Duplex, error: FrameError | undefined): void {
    if (this.#socket !== socket) return; // another one has taken over
    this.detach();
    this.#listener.onBreak(error);
  }
}

function write(socket: Duplex, chunks: readonly Buffer[]): void {
  if (chunks.length > 1) socket.cork();
  for (const chunk of chunks) socket.write(chunk);
  if (chunks.length > 1) socket.uncork();
}
