import type { IncomingMessage, ServerResponse } from "node:http";
import { PassThrough, type Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { forwardedHeaders, isNotHere, type LocalHandlers } from "./envelope.js";
import { endToEndHeaders } from "./hop-by-hop.js";
import type { PeerClient } from "./peer-client.js";

/** Bodies up to here are sent as a whole, and can be sent again to another worker (bytes). */
const MAX_WHOLE = 64 * 1024;

/** Made once: what a stack trace costs is a part of what a request costs. */
const GONE = new Error("The client has its answer, or is gone.");

type Controller = Dispatcher.DispatchController;
type ResponseHeaders = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2];

/** One request on its way to its owner, and the response on its way back. */
export class RequestForwarding {
  readonly #peers: PeerClient;
  readonly #local: LocalHandlers;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #ownConnection: boolean;
  #controller: Controller | undefined;
  /** `undefined` until it is known. */
  #body: Buffer | Readable | null | undefined;

  /**
   * @param ownConnection a session keeps the socket of its handshake, whose address must not change
   *   with the next request on it: that connection carries no further one
   */
  constructor(
    peers: PeerClient,
    local: LocalHandlers,
    req: IncomingMessage,
    res: ServerResponse,
    { ownConnection = false } = {},
  ) {
    this.#peers = peers;
    this.#local = local;
    this.#req = req;
    this.#res = res;
    this.#ownConnection = ownConnection;
    res.once("close", () => {
      this.#controller?.abort(GONE);
      // Answered before the body was complete (413, say): the rest of it is read and dropped, as
      // Node does with a body that nobody reads, or the connection would not get any further.
      req.resume();
    });
  }

  get canReplay(): boolean {
    return this.#body === null || Buffer.isBuffer(this.#body);
  }

  /** @param onNotHere called when that worker does not have the session */
  send(gateway: string, onNotHere: () => void): void {
    if (this.#body !== undefined) {
      this.#send(gateway, this.#body, onNotHere);
      return;
    }
    readBody(this.#req, (body) => {
      this.#body = body;
      if (!this.#res.destroyed) this.#send(gateway, body, onNotHere);
    });
  }

  #send(gateway: string, body: Buffer | Readable | null, onNotHere: () => void): void {
    const { method = "GET", url = "/" } = this.#req;
    const request: Dispatcher.DispatchOptions = {
      method: method as Dispatcher.HttpMethod,
      // HTTP/2 takes any bytes. The query stays what Engine.IO would read in it.
      path: url.replace(/[^\x21-\x7e]/gu, encodeURIComponent),
      headers: forwardedHeaders(this.#local, this.#req),
      body,
      reset: this.#ownConnection,
    };
    this.#peers.send(gateway, request, this.#handler(onNotHere));
  }

  #handler(onNotHere: () => void): Dispatcher.DispatchHandler {
    const res = this.#res;
    let isElsewhere = false;
    /** Writes the head; not called yet while a short body is expected, to be sent with it. */
    let begin: (() => void) | undefined;
    let length = Number.NaN;
    return {
      onRequestStart: (controller) => {
        this.#controller = controller;
        if (res.destroyed) controller.abort(GONE);
      },
      onResponseStart: (controller, status, headers, message) => {
        if (status < 200) return;
        isElsewhere = isNotHere(status, headers);
        if (isElsewhere) return;
        length = Number(headers["content-length"] ?? Number.NaN);
        begin = () => this.#writeHead(controller, status, headers, message);
        if (length <= MAX_WHOLE) return;
        begin();
        begin = undefined;
      },
      onResponseData: (controller, chunk) => {
        if (isElsewhere) return;
        const isWhole = begin !== undefined && chunk.length === length;
        begin?.();
        begin = undefined;
        // As a string Node sends it together with the head.
        if (isWhole) res.end(chunk.toString("latin1"), "latin1");
        else if (!res.write(chunk)) {
          controller.pause();
          res.once("drain", () => controller.resume());
        }
      },
      onResponseEnd: () => {
        this.#controller = undefined;
        if (isElsewhere) {
          onNotHere();
          return;
        }
        begin?.();
        if (!res.writableEnded) res.end();
      },
      onResponseError: (_, error) => this.#onError(error),
    };
  }

  #writeHead(
    { rawHeaders }: Controller,
    status: number,
    { connection }: ResponseHeaders,
    message = "",
  ): void {
    const raw = (rawHeaders as Buffer[]).map((text) => text.toString("latin1"));
    const headers = endToEndHeaders(raw, connection?.toString());
    if (this.#req.httpVersionMajor < 2) this.#res.writeHead(status, message, headers);
    else this.#res.writeHead(status, asObject(headers)); // HTTP/2 has no status message
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.#res.destroyed || this.#res.writableEnded) return;
    // HTTP/2 carries requests that HTTP/1 cannot: such a one stays here.
    if (error.code === "UND_ERR_INVALID_ARG") this.#local.handleRequest(this.#req, this.#res);
    else if (this.#res.headersSent) this.#res.destroy();
    else this.#res.writeHead(502, { "content-length": 0 }).end();
  }
}

/** @param then gets a short body as a whole, a long one as a stream, `null` for none */
function readBody(req: IncomingMessage, then: (body: Buffer | Readable | null) => void): void {
  const length = req.headers["content-length"] ?? "0";
  const isChunked = req.httpVersionMajor >= 2 || req.headers["transfer-encoding"] !== undefined;
  if (length === "0" && !isChunked) {
    then(null);
    return;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  const onEnd = (): void => {
    req.off("data", onData);
    then(bytes === 0 ? null : Buffer.concat(chunks));
  };
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes <= MAX_WHOLE) return;
    req.off("data", onData).off("end", onEnd);
    const stream = new PassThrough();
    // undici destroys it when the answer comes before its end, or the connection breaks. That is told
    // by the answer; the rest of the body is dropped.
    stream.on("error", () => {});
    stream.once("close", () => req.unpipe(stream).resume());
    for (const part of chunks) stream.write(part);
    req.pipe(stream);
    then(stream);
  };
  req.on("data", onData).once("end", onEnd);
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
