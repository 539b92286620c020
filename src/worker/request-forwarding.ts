import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import { forwardedHeaders, isNotHere, type LocalHandlers } from "./forwarding.js";
import { endToEndHeaders } from "./hop-by-hop.js";

/** Of a body, what is kept until the owner has shown that it knows the sid (bytes). */
const MAX_REPLAY = 64 * 1024;

/** One request on its way to its owner, and the response on its way back; both streamed. */
export class RequestForwarding {
  readonly #agent: Agent | undefined;
  readonly #local: LocalHandlers;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  #upstream: ClientRequest | undefined;
  /** What of the body was passed on, until it is clear that the owner takes it. */
  #kept: Buffer[] | undefined = [];
  #keptBytes = 0;
  #ended = false;

  /**
   * @param agent `undefined` for a connection of its own: a session keeps the socket of its
   *   handshake, whose address must not change with the next request on it
   */
  constructor(
    agent: Agent | undefined,
    local: LocalHandlers,
    req: IncomingMessage,
    res: ServerResponse,
  ) {
    this.#agent = agent;
    this.#local = local;
    this.#req = req;
    this.#res = res;
    res.once("close", () => {
      this.#upstream?.destroy();
      // Answered before the body was complete (413, say): the rest of it is read and dropped, as
      // Node does with a body that nobody reads, or the connection would not get any further.
      req.resume();
    });
  }

  get canReplay(): boolean {
    return this.#kept !== undefined;
  }

  /** @param onNotHere called when that worker does not have the session */
  send(gateway: string, onNotHere: () => void): void {
    const isFirst = this.#upstream === undefined;
    const upstream = this.#open(gateway);
    if (upstream === undefined) return;
    this.#upstream = upstream;
    upstream.on("drain", () => this.#req.resume());
    upstream.on("error", () => this.#onError(upstream));
    upstream.on("response", (answer) => {
      if (isNotHere(answer)) {
        answer.resume();
        onNotHere();
      } else {
        this.#kept = undefined;
        this.#answer(answer);
      }
    });
    for (const chunk of this.#kept ?? []) upstream.write(chunk);
    if (isFirst) this.#readBody();
    else if (this.#ended) upstream.end();
  }

  /** @returns `undefined` for a request that HTTP/2 carries and HTTP/1 cannot: it stays here */
  #open(gateway: string): ClientRequest | undefined {
    try {
      return request({
        agent: this.#agent ?? false,
        socketPath: gateway,
        method: this.#req.method,
        // HTTP/2 takes any bytes. The query stays what Engine.IO would read in it.
        path: this.#req.url?.replace(/[^\x21-\x7e]/gu, encodeURIComponent),
        headers: forwardedHeaders(this.#local, this.#req),
      });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.#local.handleRequest(this.#req, this.#res);
      return undefined;
    }
  }

  #readBody(): void {
    this.#req.on("data", (chunk: Buffer) => {
      this.#keep(chunk);
      if (this.#upstream?.destroyed) return;
      if (this.#upstream?.write(chunk) === false) this.#req.pause();
    });
    this.#req.on("end", () => {
      this.#ended = true;
      this.#upstream?.end();
    });
  }

  #keep(chunk: Buffer): void {
    this.#keptBytes += chunk.length;
    if (this.#keptBytes > MAX_REPLAY) this.#kept = undefined;
    else this.#kept?.push(chunk);
  }

  #answer(answer: IncomingMessage): void {
    const headers = endToEndHeaders(answer.rawHeaders, answer.headers.connection);
    const status = answer.statusCode ?? 502;
    if (this.#req.httpVersionMajor < 2) this.#res.writeHead(status, answer.statusMessage, headers);
    else this.#res.writeHead(status, asObject(headers)); // HTTP/2 has no status message
    answer.on("error", () => this.#res.destroy()); // the owner died in mid-answer
    answer.pipe(this.#res);
  }

  #onError(upstream: ClientRequest): void {
    if (upstream !== this.#upstream) return;
    if (this.#res.headersSent) this.#res.destroy();
    else if (!this.#res.destroyed) this.#res.writeHead(502, { "content-length": 0 }).end();
  }
}

/** HTTP/2 responses of Node 20 take no flat list. */
function asObject(headers: readonly string[]): Record<string, string[]> {
  const object: Record<string, string[]> = {};
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index]?.toLowerCase() ?? "";
    object[name] = [...(object[name] ?? []), headers[index + 1] ?? ""];
  }
  return object;
}
