import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { ReturnableConnections } from "../connections/return-connection.js";
import type { PrimaryChannel } from "../primary-channel.js";
import { type EngineServer, ownsSession, sidOf } from "../sessions/engine.js";
import type { LocalHandlers } from "./envelope.js";
import { RequestForwarding } from "./forward-request.js";
import { forwardUpgrade } from "./forward-upgrade.js";
import { PeerClient } from "./peer-client.js";

/** Owners that are remembered, so that not every request has to ask. */
const MAX_REMEMBERED = 10_000;

/**
 * Finds requests whose session lives in another worker, and lets that worker answer them.
 *
 * Such requests come on connections that are used for many sessions: kept alive by browsers and
 * shared by proxies. The look is taken before anything else of Engine.IO, so that the
 * application's middlewares run once, where the session is.
 */
export class ForeignRequests {
  readonly #peers = new PeerClient();
  readonly #primary: Pick<PrimaryChannel, "whois" | "place">;
  readonly #returnable: Pick<ReturnableConnections, "hold">;
  /** Connections whose first handshake is to be answered here. */
  readonly #placedConnections = new WeakSet<object>();
  /** sid -> gateway of its owner; the oldest entry first */
  readonly #owners = new Map<string, string>();

  constructor(
    primary: Pick<PrimaryChannel, "whois" | "place">,
    returnable: Pick<ReturnableConnections, "hold">,
  ) {
    this.#primary = primary;
    this.#returnable = returnable;
  }

  /**
   * @param name of the server, the same in all workers
   * @returns the engine's own handlers, which never forward
   */
  watch(engine: EngineServer, name: string): LocalHandlers {
    const handleRequest = engine.handleRequest.bind(engine);
    const local: LocalHandlers = {
      name,
      engine,
      handleRequest: (req, res) => {
        // Engine.IO (6.6.11) takes the end of a compressed answer over HTTP/2 for a lost client: the
        // request closes before the response has finished, and the session with it.
        if (req.httpVersionMajor >= 2) delete req.headers["accept-encoding"];
        handleRequest(req, res);
      },
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
    this.#peers.forget(gateway);
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
    // A preflight opens no session: the place is for the request after it.
    const opens = req.method === "GET";
    const isPlaced = opens && this.#placedConnections.delete(req.socket);
    const worker = isPlaced || !opens ? null : await this.#place(req);
    if (res.destroyed) return;
    if (worker === null) {
      local.handleRequest(req, res);
    } else {
      const forwarding = new RequestForwarding(this.#peers, local, req, res, {
        ownConnection: true,
      });
      forwarding.send(worker, () => local.handleRequest(req, res));
    }
  }

  /** Of a client with TLS the primary sees nothing but the address. */
  #place({ socket }: IncomingMessage): Promise<string | null> {
    const { encrypted } = socket as { encrypted?: boolean };
    return this.#primary.place(encrypted === true ? socket.remoteAddress : undefined);
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
    const forwarding = new RequestForwarding(this.#peers, local, req, res);
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
    const held = this.#returnable.hold(req, socket, head);
    const ignore = () => socket.destroy();
    socket.on("error", ignore);
    const owner = await this.#askOwner(sid); // never remembered: a refused upgrade is not repeated
    if (socket.destroyed) return;
    if (owner === null) {
      socket.off("error", ignore);
      held?.keep();
      local.handleUpgrade(req, socket, head);
    } else if (held !== undefined) {
      held.giveBack();
    } else {
      forwardUpgrade(owner, local, req, socket, head);
    }
  }
}
