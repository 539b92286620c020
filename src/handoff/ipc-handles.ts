import type { ChildProcess } from "node:child_process";
import { Socket } from "node:net";
import { DefaultSerializer } from "node:v8";

/*
 * The one place that passes sockets over an IPC channel beside Node's own queue
 * (lib/internal/child_process.js).
 *
 * `worker.send(message, socket)` has one socket under way at a time, and the receiving process
 * answers each with an IPC write of its own: two thirds of what a hand-off costs. Here the sender
 * writes to the channel's handle itself, a message that Node's reader takes for `NODE_HANDLE`; the
 * receiver takes it before Node's listener would acknowledge it. Who is told what has arrived, and
 * when, is the callers' affair.
 *
 * With several sockets under way, Node's reader can give a message the wrong one: a read may end
 * within a message, whose socket is then replaced by that of the next read (seen in 872 of 6,000
 * with a busy receiver and messages of 100 KB between). So the receiver keeps the sockets in the
 * order of their arrival, which is that of their messages, for Node's own messages too; and it
 * compares the address of the peer, since a socket can get lost (a process without descriptors).
 */

/** A TCP handle, as far as it is looked at. */
interface TcpHandle {
  getpeername(out: { address?: string; port?: number }): number;
  close(): void;
}

/** The channel's own handle. */
interface ChannelHandle {
  pendingHandle: TcpHandle | null;
  onread: (this: unknown, buffer?: ArrayBuffer) => unknown;
  readonly writeQueueSize: number;
  writeBuffer(request: object, bytes: Uint8Array, handle: object): number;
}

/** What Node's reader looks for, and what tells ours from Node's own. */
const COMMAND = "NODE_HANDLE";
const TYPE = "supervisor:handoff";

/** More sockets than this without a message mean that messages got lost (a bound, not a habit). */
const MAX_UNCLAIMED = 512;

/** What crosses with a socket: `n` numbers the sender's sockets, `peer` is the client's address. */
interface Envelope {
  cmd: typeof COMMAND;
  type: typeof TYPE;
  n: number;
  peer: string;
  body: unknown;
}

function channelOf(target: object): ChannelHandle | undefined {
  const symbol = Object.getOwnPropertySymbols(target).find(
    ({ description }) => description === "kChannelHandle",
  );
  const channel = symbol && (target as Record<symbol, Partial<ChannelHandle> | undefined>)[symbol];
  const fits =
    typeof channel?.writeBuffer === "function" &&
    typeof channel.onread === "function" &&
    typeof channel.writeQueueSize === "number" &&
    "pendingHandle" in channel;
  return fits ? (channel as ChannelHandle) : undefined;
}

type RequestClass = new () => { oncomplete?: (status: number) => void; bytes?: Uint8Array };

/** Node's class of write requests; `undefined` where it is not to be had. */
function writeRequests(): RequestClass | undefined {
  try {
    const { binding } = process as unknown as { binding(name: string): Record<string, unknown> };
    const found = binding.call(process, "stream_wrap").WriteWrap;
    return typeof found === "function" ? (found as RequestClass) : undefined;
  } catch {
    return undefined; // a runtime without it, or one that forbids it (--permission)
  }
}

/** As Node writes views of buffers with `serialization: "advanced"`. */
class MessageSerializer extends DefaultSerializer {
  /** Documented, but not in the types. */
  declare _writeHostObject: (value: NodeJS.ArrayBufferView) => void;
}

const { _writeHostObject: writeView } = MessageSerializer.prototype;

/** What Node writes before a view; anything else that is no plain data has another number. */
const VIEW = 0;

MessageSerializer.prototype._writeHostObject = function (value) {
  this.writeUint32(VIEW);
  writeView.call(this, value);
};

const LENGTH_BYTES = 4;

function serialize(envelope: Envelope): Buffer {
  const serializer = new MessageSerializer();
  serializer.writeRawBytes(Buffer.alloc(LENGTH_BYTES));
  serializer.writeHeader();
  serializer.writeValue(envelope);
  const bytes = serializer.releaseBuffer();
  bytes.writeUInt32BE(bytes.length - LENGTH_BYTES, 0);
  return bytes;
}

/** Sends sockets to one child process. */
export class HandleWriter {
  readonly #child: ChildProcess;
  readonly #Request: RequestClass;

  private constructor(child: ChildProcess, Request: RequestClass) {
    this.#child = child;
    this.#Request = Request;
  }

  /** @returns `undefined` where Node looks different, or the channel is closed */
  static open(child: ChildProcess): HandleWriter | undefined {
    const Request = writeRequests();
    if (Request === undefined || channelOf(child) === undefined) return undefined;
    return new HandleWriter(child, Request);
  }

  /**
   * Writes `body` and a copy of `socket`, which must stay open until the child has told that it
   * has number `n`.
   *
   * @returns false: nothing of it will arrive (the socket has no peer, the channel is closed)
   */
  write(n: number, body: unknown, socket: Socket): boolean {
    const channel = channelOf(this.#child);
    const { _handle: handle } = socket as unknown as { _handle: TcpHandle | null };
    const { remoteAddress, remotePort } = socket; // asked of the kernel once
    if (channel === undefined || handle === null || remotePort === undefined) return false;
    const peer = `${remoteAddress}:${remotePort}`;
    const bytes = serialize({ cmd: COMMAND, type: TYPE, n, peer, body });
    const request = new this.#Request();
    request.bytes = bytes; // kept until it is written
    request.oncomplete = () => {}; // a channel that breaks is told by "disconnect"
    return channel.writeBuffer(request, bytes, handle) === 0;
  }
}

/** @returns `undefined` for a socket that is not connected (any more), or not of TCP */
function peerOf(handle: TcpHandle): string | undefined {
  const out: { address?: string; port?: number } = {};
  if (typeof handle.getpeername !== "function" || handle.getpeername(out) !== 0) return undefined;
  return out.port === undefined ? undefined : `${out.address}:${out.port}`;
}

/** Called for each message that came with a socket; `undefined`: the socket did not arrive. */
export type OnHandoff = (n: number, body: unknown, socket: Socket | undefined) => void;

/**
 * Takes the sockets that a {@link HandleWriter} of the parent sends to this process.
 *
 * @returns false where Node looks different: then they must not be sent
 */
export function receiveHandles(onHandoff: OnHandoff): boolean {
  const channel = channelOf(process);
  const [nodes] = process.listeners("internalMessage" as "message") as unknown as Listener[];
  if (channel === undefined || nodes === undefined) return false;

  const arrived: TcpHandle[] = [];
  const read = channel.onread;
  channel.onread = function (buffer) {
    if (channel.pendingHandle) arrived.push(channel.pendingHandle);
    return read.call(this, buffer);
  };
  const events = process as unknown as NodeJS.EventEmitter;
  events.off("internalMessage", nodes);
  events.prependListener("internalMessage", function (this: unknown, message, given) {
    if ((message as { cmd?: unknown } | null)?.cmd !== COMMAND) {
      nodes.call(this, message, given);
    } else if (isEnvelope(message)) {
      onHandoff(message.n, message.body, claim(arrived, message.peer));
    } else {
      nodes.call(this, message, arrived.shift());
    }
  } satisfies Listener);
  return true;
}

type Listener = (this: unknown, message: unknown, handle: TcpHandle | undefined) => void;

function isEnvelope(message: unknown): message is Envelope {
  const { type, n, peer } = message as Partial<Record<keyof Envelope, unknown>>;
  return type === TYPE && Number.isSafeInteger(n) && typeof peer === "string";
}

/** The socket of a message from `peer`: the first that has arrived, if it is of that peer. */
function claim(arrived: TcpHandle[], peer: string): Socket | undefined {
  while (arrived[0] !== undefined) {
    const of = peerOf(arrived[0]);
    // Another client's: this message's own got lost, and that one belongs to a later message.
    if (of !== undefined && of !== peer && arrived.length <= MAX_UNCLAIMED) return undefined;
    const handle = arrived.shift();
    // Node takes any handle here, as for the sockets that it makes itself.
    if (of === peer) return new Socket({ handle, readable: true, writable: true } as object);
    handle?.close(); // its client is gone, and whose it was cannot be told
    return undefined;
  }
  return undefined;
}
