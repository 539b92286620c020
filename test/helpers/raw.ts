import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawResponse {
  status: number;
  headers: Record<string, string>;
  /** The same as they came, "name: value" each: a header that is there twice shows. */
  headerLines: string[];
  body: string;
}

/** A client connection on which a test decides about every byte. */
export class RawConnection {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", this.#onData);
    for (const event of ["error", "close", "end"]) socket.on(event, this.#onEnd);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received = Buffer.concat([this.#received, chunk]);
    this.socket.emit("more");
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.socket.emit("more");
  };

  static async open(port: number, localAddress?: string): Promise<RawConnection> {
    const socket = connect({ port, host: "127.0.0.1", localAddress });
    await once(socket, "connect");
    return new RawConnection(socket);
  }

  get received(): Buffer {
    return this.#received;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Sends `data` in pieces of random sizes, each in a packet of its own. */
  async writePieces(data: string | Buffer, smallest = 1, largest = 7): Promise<void> {
    const bytes = Buffer.from(data);
    for (let at = 0; at < bytes.length; ) {
      const size = smallest + Math.floor(Math.random() * (largest - smallest + 1));
      const flushed = this.socket.write(bytes.subarray(at, at + size));
      if (!flushed) await once(this.socket, "drain");
      await new Promise(setImmediate);
      at += size;
    }
  }

  write(data: string | Uint8Array): void {
    this.socket.write(data);
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Gives the connection to somebody else. It flows, so that whoever listens gets what comes. */
  release(): Socket {
    this.socket.off("data", this.#onData);
    for (const event of ["error", "close", "end"]) this.socket.off(event, this.#onEnd);
    return this.socket;
  }

  /** Waits until there is something to take out of what was received. */
  async take<T>(parse: (received: Buffer) => { value: T; used: number } | undefined): Promise<T> {
    for (;;) {
      const found = parse(this.#received);
      if (found !== undefined) {
        this.#received = this.#received.subarray(found.used);
        return found.value;
      }
      if (this.#ended) throw new Error(`Connection ended after: ${this.#received.toString()}`);
      await once(this.socket, "more");
    }
  }

  /** The next HTTP response. `hasBody: false` for the answer to a HEAD request. */
  response({ hasBody = true } = {}): Promise<RawResponse> {
    return this.take((received) => parseResponse(received, hasBody, this.#ended));
  }

  async closed(): Promise<void> {
    while (!this.#ended) await once(this.socket, "more");
  }
}

function parseResponse(received: Buffer, hasBody: boolean, ended: boolean) {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd === -1) return undefined;
  const [statusLine = "", ...lines] = received
    .subarray(0, headEnd)
    .toString("latin1")
    .split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
  if (!status) throw new Error(`Not an HTTP response: ${statusLine}`);
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const start = headEnd + 4;
  const done = (body: Buffer | string, used: number) => ({
    value: { status, headers, headerLines: lines, body: body.toString() },
    used,
  });
  if (!hasBody || status < 200 || status === 204 || status === 304) return done("", start);
  if (headers["transfer-encoding"] === "chunked") return parseChunks(received, start, done);
  if (headers["content-length"] === undefined) {
    return ended ? done(received.subarray(start), received.length) : undefined;
  }
  const end = start + Number(headers["content-length"]);
  return received.length < end ? undefined : done(received.subarray(start, end), end);
}

function parseChunks<T>(received: Buffer, start: number, done: (body: string, used: number) => T) {
  let body = "";
  for (let at = start; ; ) {
    const lineEnd = received.indexOf("\r\n", at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(received.subarray(at, lineEnd).toString(), 16);
    const chunkEnd = lineEnd + 2 + size + 2;
    if (received.length < chunkEnd) return undefined;
    if (size === 0) return done(body, chunkEnd);
    body += received.subarray(lineEnd + 2, chunkEnd - 2).toString();
    at = chunkEnd;
  }
}

const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";

/** Request heads as a browser would send them. */
export function head(
  method: string,
  target: string,
  headers: Record<string, string | number> = {},
) {
  const lines = Object.entries({ Host: "localhost", ...headers }).map(([k, v]) => `${k}: ${v}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

export const get = (target: string, headers?: Record<string, string | number>): string =>
  head("GET", target, headers);

export const post = (target: string, body: string, headers?: Record<string, string>): string =>
  head("POST", target, {
    "Content-Type": "text/plain;charset=UTF-8",
    "Content-Length": Buffer.byteLength(body),
    ...headers,
  }) + body;

export const handshake = (): string => get(HANDSHAKE);

/** The target of a session's requests; the sid is percent-encoded as clients do it. */
export const sessionTarget = (sid: string): string => `${HANDSHAKE}&sid=${encodeURIComponent(sid)}`;

export function sidIn(response: RawResponse): string {
  return JSON.parse(response.body.slice(1)).sid;
}

/** Opens a polling session, Socket.IO handshake included. */
export async function openSession(connection: RawConnection): Promise<string> {
  connection.write(handshake());
  const sid = sidIn(await connection.response());
  connection.write(post(sessionTarget(sid), "40"));
  await connection.response();
  connection.write(get(sessionTarget(sid)));
  await connection.response();
  return sid;
}

/** Emits an event with an acknowledgement over polling; returns the acknowledged value. */
export async function callOver<T>(
  connection: RawConnection,
  sid: string,
  event: string,
  ...args: unknown[]
): Promise<T> {
  connection.write(post(sessionTarget(sid), `420${JSON.stringify([event, ...args])}`));
  const posted = await connection.response();
  if (posted.status !== 200) throw new Error(`POST: ${posted.status} ${posted.body}`);
  for (;;) {
    connection.write(get(sessionTarget(sid)));
    const polled = await connection.response();
    if (polled.status !== 200) throw new Error(`GET: ${polled.status} ${polled.body}`);
    const packets = polled.body.split("\x1e");
    if (packets.includes("2")) {
      connection.write(post(sessionTarget(sid), "3"));
      await connection.response();
    }
    const ack = packets.find((packet) => packet.startsWith("430"));
    if (ack !== undefined) return JSON.parse(ack.slice(3))[0];
  }
}
