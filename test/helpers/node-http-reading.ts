import { createServer, type IncomingMessage } from "node:http";
import { Duplex } from "node:stream";

/**
 * What Node's own HTTP parser makes of `requestLine`: `request.url`, or `undefined` when it is
 * refused. In memory, so that a test can ask for many.
 */
export class NodeHttpReading {
  readonly #server = createServer();

  constructor() {
    const answer = (request: IncomingMessage) => this.#server.emit("read", request.url);
    this.#server.on("request", answer).on("upgrade", answer).on("connect", answer);
    this.#server.on("clientError", () => this.#server.emit("read", undefined));
  }

  async of(requestLine: Uint8Array): Promise<string | undefined> {
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const read = new Promise<string | undefined>((resolve) => this.#server.once("read", resolve));
    this.#server.emit("connection", socket);
    socket.push(Buffer.concat([requestLine, Buffer.from("Host: localhost\r\n\r\n")]));
    const url = await read;
    socket.destroy();
    return url;
  }
}
