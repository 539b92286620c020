import type { Socket } from "node:net";
import { MAX_UNROUTED_BYTES, readRequestLine } from "../../policy/request-line.js";
import { refuse } from "./refuse.js";

interface Unrouted {
  readonly deadline: number;
  bytes: Buffer | undefined;
  scanned: number;
}

export interface UnroutedLimits {
  /** ms until a connection without a request line gets 408. */
  requestLineTimeout: number;
  /** Above this many, the oldest gets 503. */
  maxUnrouted: number;
}

/**
 * Holds connections until their first request line is complete.
 *
 * Invariant: at most `maxUnrouted` connections, 16 KiB each, `requestLineTimeout` each. When full,
 * the oldest has to go: a client that means it sends its line at once, so that a flood of
 * half-open connections pushes out itself and not the service.
 */
export class UnroutedConnections {
  /** In order of arrival, so that the first entry is always the next to time out. */
  readonly #connections = new Map<Socket, Unrouted>();
  readonly #limits: UnroutedLimits;
  readonly #onRequestLine: (socket: Socket, bytes: Buffer, target: string) => void;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param onRequestLine called inside the socket's own `data` callback, so that it can still stop
   *   the reads before anything else arrives
   */
  constructor(
    limits: UnroutedLimits,
    onRequestLine: (socket: Socket, bytes: Buffer, target: string) => void,
  ) {
    this.#limits = limits;
    this.#onRequestLine = onRequestLine;
  }

  get size(): number {
    return this.#connections.size;
  }

  add(socket: Socket): void {
    if (this.#connections.size >= this.#limits.maxUnrouted) this.#refuseOldest(503);
    const deadline = performance.now() + this.#limits.requestLineTimeout;
    const connection: Unrouted = { deadline, bytes: undefined, scanned: 0 };
    this.#connections.set(socket, connection);
    this.#timer ??= setTimeout(this.#onDeadline, this.#limits.requestLineTimeout).unref();
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => this.#onData(socket, connection, chunk));
    socket.once("end", () => this.#onEnd(socket, connection));
    socket.once("close", () => this.#connections.delete(socket));
  }

  /** Ends the timer; connections that are still here are closed. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const socket of this.#connections.keys()) socket.destroy();
  }

  #onData(socket: Socket, connection: Unrouted, chunk: Buffer): void {
    const bytes = connection.bytes ? Buffer.concat([connection.bytes, chunk]) : chunk;
    const line = readRequestLine(bytes, connection.scanned);
    if (line.state === "complete") {
      this.#connections.delete(socket);
      socket.removeAllListeners("data");
      this.#onRequestLine(socket, bytes, line.target);
    } else if (bytes.length >= MAX_UNROUTED_BYTES) {
      this.#connections.delete(socket);
      refuse(socket, 431);
    } else {
      connection.bytes = bytes;
      connection.scanned = line.scanned;
    }
  }

  /** A client that ends within its request line gets what Node answers to that. */
  #onEnd(socket: Socket, { bytes }: Unrouted): void {
    if (!this.#connections.delete(socket)) return;
    if (bytes === undefined || !socket.writable) socket.destroy();
    else refuse(socket, 400);
  }

  #refuseOldest(status: 408 | 503): void {
    const oldest = this.#connections.keys().next();
    if (oldest.done) return;
    this.#connections.delete(oldest.value);
    refuse(oldest.value, status);
  }

  readonly #onDeadline = (): void => {
    const now = performance.now();
    this.#timer = undefined;
    for (const { deadline } of this.#connections.values()) {
      if (deadline > now) {
        this.#timer = setTimeout(this.#onDeadline, deadline - now).unref();
        return;
      }
      this.#refuseOldest(408);
    }
  };
}
