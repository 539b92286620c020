import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { answerHeaders, http2Headers } from "./answer-headers.js";
import { seal } from "./envelope.js";
import { countForward } from "./forward-count.js";
import type { LocalHandlers } from "./local-handlers.js";
import { isNotHere } from "./not-here.js";
import type { PeerClient } from "./peer-client.js";
import type { Errand, PeerLine } from "./peer-line.js";
import { refuseRequest } from "./refusal.js";
import { readBody, STREAMED_HELD } from "./request-body.js";

/** Answers up to here are sent in one piece (bytes). */
const ONE_PIECE = 64 * 1024;

/** A worker that has ended: nothing listens on its socket, or it is not there any more. */
const ENDED = new Set<unknown>(["ECONNREFUSED", "ENOENT"]);

/** Made once: what a stack trace costs is a part of what a request costs. */
const GONE = new Error("The client has its answer, or is gone.");

type Controller = Dispatcher.DispatchController;

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
  /** Takes it out of the line to the other worker; set while it is in it. */
  #leaveLine: (() => void) | undefined;

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
      this.#leaveLine?.();
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
    let request: Dispatcher.DispatchOptions & { headers: string[] };
    try {
      request = {
        // What the client asks is in the envelope. This is for the two ends of the connection: an
        // answer to HEAD has no body, and a body is what comes with POST.
        method: this.#req.method === "HEAD" ? "HEAD" : body === null ? "GET" : "POST",
        path: "/",
        headers: seal(this.#local.name, this.#req),
        body,
        reset: this.#ownConnection,
      };
    } catch (error) {
      refuseRequest(this.#res, error);
      return;
    }
    const line = this.#peers.lineTo(gateway);
    let isSent = false;
    const errand: Errand = {
      bytes: sizeOf(request.headers) + bytesHeld(body),
      send: () => {
        isSent = true;
        this.#dispatch(line, gateway, request, onNotHere);
      },
      refuse: (status, why) => {
        // A handshake needs no particular worker; but one that was sent may be what that one hangs in.
        if (this.#ownConnection && !isSent) later(onNotHere);
        else refuseRequest(this.#res, why, status);
      },
    };
    this.#leaveLine = () => line.done(errand);
    line.admit(errand);
  }

  #dispatch(
    line: PeerLine,
    gateway: string,
    request: Dispatcher.DispatchOptions,
    onNotHere: () => void,
  ): void {
    try {
      line.dispatch(request, this.#handler(onNotHere));
      countForward(gateway, false);
    } catch (error) {
      this.#leaveLine?.();
      refuseRequest(this.#res, error);
    }
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
        this.#leaveLine?.();
        isElsewhere = isNotHere(status, headers);
        if (isElsewhere) return;
        length = Number(headers["content-length"] ?? Number.NaN);
        begin = () => this.#writeHead(controller, status, message);
        if (length <= ONE_PIECE) return;
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
          later(onNotHere);
          return;
        }
        begin?.();
        if (!res.writableEnded) res.end();
      },
      onResponseError: (_, error: NodeJS.ErrnoException) => {
        this.#leaveLine?.();
        const isUntouched = this.#controller === undefined && this.canReplay;
        if (isUntouched && ENDED.has(error.code) && !res.destroyed) later(onNotHere);
        else refuseRequest(res, error);
      },
    };
  }

  #writeHead({ rawHeaders }: Controller, status: number, message = ""): void {
    const headers = (rawHeaders as Buffer[]).map((text) => text.toString("latin1"));
    // HTTP/2 has no status message.
    if (this.#req.httpVersionMajor >= 2) this.#res.writeHead(status, http2Headers(headers));
    else if (PRINTABLE.test(message)) this.#res.writeHead(status, message, answerHeaders(headers));
    else this.#res.writeHead(status, answerHeaders(headers));
  }
}

/** A status message as undici gives it: what was not ASCII is lost, and Node would refuse it. */
const PRINTABLE = /^[\x20-\x7e]+$/;

/** Characters of an envelope: it is ASCII. */
function sizeOf(headers: readonly string[]): number {
  return headers.reduce((size, text) => size + text.length, 0);
}

function bytesHeld(body: Buffer | Readable | null): number {
  if (body === null) return 0;
  return Buffer.isBuffer(body) ? body.length : STREAMED_HELD;
}

/** Outside of undici, which takes what an application's code throws for an error of its own. */
function later(then: () => void): void {
  process.nextTick(then);
}
