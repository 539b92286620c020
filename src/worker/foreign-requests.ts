import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import type { Duplex } from "node:stream";
import { type EngineServer, ownsSession, sidOf } from "./engine.js";
import { endToEndHeaders } from "./hop-by-hop.js";
import {
  FORWARDED_HEADER,
  type ForwardedFor,
  type LocalHandlers,
  NOT_HERE,
  NOT_HERE_HEADER,
} from "./peer-gateway.js";
import type { PrimaryChannel } from "./primary-channel.js";

/** Owners that are remembered, so that not every request has to ask. */
const MAX_REMEMBERED = 10_000;

/** Of a body, what is kept until the owner has shown that it knows the sid (bytes). */
const MAX_REPLAY = 64 * 1024;

/**
 * Finds requests whose session lives in another worker, and lets that worker answer them.
 *
 * Such requests come on connections that are used for many sessions: kept alive by browsers and
 * shared by proxies. The look is taken before anything else of Engine.IO, so that the
 * application's middlewares run once, where the session is.
 */
export class ForeignRequests {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  readonly #primary: Pick<PrimaryChannel, "whois" | "place">;
  /** Connections whose first handshake is to be answered here. */
  readonly #placedConnections = new WeakSet<object>();
  #engines = 0;
  /** sid -> gateway of its owner; the oldest entry first */
  readonly #owners = new Map<string, string>();

  constructor(primary: Pick<PrimaryChannel, "whois" | "place">) {
    this.#primary = primary;
  }

  /** @returns the engine's own handlers, which never forward */
  watch(engine: EngineServer): LocalHandlers {
    const local: LocalHandlers = {
      number: this.#engines++,
      engine,
      handleRequest: engine.handleRequest.bind(engine),
      handleUpgrade: engine.handleUpgrade.bind(engine),
    };
    engine.handleRequest = (req, res) => {
      const sid = sidOf(req);
      if (sid === undefined) void this.#onHandshake(local, req, res);
      else if (ownsSession(engine, sid)) local.handleRequest(req, res);
      else void this.#onForeignRequest(local, sid, req, res);
    };
    engine.handleUpgrade = (req, socket, head) => {
      const sid = sidOf(req);
      if (sid === undefined || ownsSession(engine, sid)) local.handleUpgrade(req, socket, head);
      else void this.#onForeignUpgrade(local, sid, req, socket, head);
    };
    return local;
  }

  /** The primary chose this worker for the session that `connection` opens first. */
  placed(connection: object): void {
    this.#placedConnections.add(connection);
  }

  /** A worker has ended. */
  forget(gateway: string): void {
    for (const [sid, owner] of this.#owners) if (owner === gateway) this.#owners.delete(sid);
  }

  async #ownerOf(sid: string): Promise<string | null> {
    return this.#owners.get(sid) ?? (await this.#askOwner(sid));
  }

  async #askOwner(sid: string): Promise<string | null> {
    this.#owners.delete(sid);
    const owner = await this.#primary.whois(sid);
    if (owner !== null) {
      this.#owners.set(sid, owner);
      if (this.#owners.size > MAX_REMEMBERED) {
        const [oldest] = this.#owners.keys();
        if (oldest !== undefined) this.#owners.delete(oldest);
      }
    }
    return owner;
  }

  /**
   * The primary chose this worker by the first request of the connection. A handshake that comes
   * later (after a page, from another tab, from a proxy's other clients) it never saw: it is asked
   * where the session should open, or all of them would open here (R6).
   */
  async #onHandshake(
    local: LocalHandlers,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> {
    const isPlaced = this.#placedConnections.delete(req.socket);
    const worker = isPlaced || req.method !== "GET" ? null : await this.#primary.place();
    if (res.destroyed) return;
    if (worker === null) {
      local.handleRequest(req, res);
    } else {
      const forwarding = new RequestForwarding(undefined, local, req, res);
      forwarding.send(worker, () => local.handleRequest(req, res));
    }
  }

  async #onForeignRequest(
    local: LocalHandlers,
    sid: string,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> {
    const owner = await this.#ownerOf(sid);
    if (res.destroyed) return; // the client did not wait
    if (owner === null) {
      local.handleRequest(req, res);
      return;
    }
    const forwarding = new RequestForwarding(this.#agent, local, req, res);
    forwarding.send(owner, async () => {
      // What was remembered is out of date: the session has ended, or its id is used again.
      const present = await this.#askOwner(sid);
      if (res.destroyed) return;
      if (present !== null && present !== owner && forwarding.canReplay) {
        forwarding.send(present, () => local.handleRequest(req, res));
      } else {
        local.handleRequest(req, res);
      }
    });
  }

  async #onForeignUpgrade(
    local: LocalHandlers,
    sid: string,
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    const ignore = () => socket.destroy();
    socket.on("error", ignore);
    const owner = await this.#askOwner(sid); // never remembered: a refused upgrade is not repeated
    if (socket.destroyed) return;
    if (owner === null) {
      socket.off("error", ignore);
      local.handleUpgrade(req, socket, head);
    } else {
      forwardUpgrade(owner, local, req, socket, head);
    }
  }
}

/** One request on its way to its owner, and the response on its way back; both streamed. */
class RequestForwarding {
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
    res.once("close", () => this.#upstream?.destroy());
  }

  get canReplay(): boolean {
    return this.#kept !== undefined;
  }

  /** @param onNotHere called when that worker does not have the session */
  send(gateway: string, onNotHere: () => void): void {
    const isFirst = this.#upstream === undefined;
    const upstream = request({
      agent: this.#agent ?? false,
      socketPath: gateway,
      method: this.#req.method,
      path: this.#req.url,
      headers: forwardedHeaders(this.#local, this.#req),
    });
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

  #readBody(): void {
    this.#req.on("data", (chunk: Buffer) => {
      this.#keep(chunk);
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
    this.#res.writeHead(answer.statusCode ?? 502, answer.statusMessage, headers);
    answer.on("error", () => this.#res.destroy()); // the owner died in mid-answer
    answer.pipe(this.#res);
  }

  #onError(upstream: ClientRequest): void {
    if (upstream !== this.#upstream) return;
    if (this.#res.headersSent) this.#res.destroy();
    else if (!this.#res.destroyed) this.#res.writeHead(502, { "content-length": 0 }).end();
  }
}

/** The client gets an answer only when the owner has given one: its own status and headers. */
function forwardUpgrade(
  gateway: string,
  local: LocalHandlers,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const upstream = request({
    socketPath: gateway,
    method: req.method,
    path: req.url,
    headers: [
      ...forwardedHeaders(local, req),
      "Connection",
      "Upgrade",
      "Upgrade",
      req.headers.upgrade ?? "",
    ],
  });
  socket.once("close", () => upstream.destroy());
  upstream.on("error", () => refuseUpgrade(socket));
  upstream.on("upgrade", (answer, peer, peerHead) => {
    socket.write(
      headOf(answer, ["Connection", "Upgrade", "Upgrade", answer.headers.upgrade ?? ""]),
    );
    socket.write(peerHead);
    peer.write(head);
    peer.on("error", () => peer.destroy());
    peer.once("close", () => socket.destroy());
    socket.once("close", () => peer.destroy());
    socket.pipe(peer).pipe(socket);
  });
  upstream.on("response", (answer) => {
    socket.write(headOf(answer, ["Connection", "close"]));
    answer.on("error", () => socket.destroy());
    answer.pipe(socket);
  });
  upstream.end();
}

function refuseUpgrade(socket: Duplex): void {
  if (socket.writable) {
    socket.end("HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  }
}

function headOf(answer: IncomingMessage, connection: string[]): string {
  const headers = [...endToEndHeaders(answer.rawHeaders, answer.headers.connection), ...connection];
  let head = `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n`;
  for (let index = 0; index < headers.length; index += 2) {
    head += `${headers[index]}: ${headers[index + 1]}\r\n`;
  }
  return `${head}\r\n`;
}

function isNotHere(answer: IncomingMessage): boolean {
  return answer.statusCode === NOT_HERE && answer.headers[NOT_HERE_HEADER] !== undefined;
}

function forwardedHeaders(local: LocalHandlers, req: IncomingMessage): string[] {
  const { remoteAddress, remotePort, remoteFamily } = req.socket;
  const encrypted = (req.socket as { encrypted?: boolean }).encrypted;
  const forwarded: ForwardedFor = {
    engine: local.number,
    client: { remoteAddress, remotePort, remoteFamily, encrypted },
  };
  return [
    ...endToEndHeaders(req.rawHeaders, req.headers.connection),
    FORWARDED_HEADER,
    JSON.stringify(forwarded),
  ];
}
