import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { ClientConnections } from "../connections/client-connections.js";
import type { ReturnableConnections } from "../connections/return-connection.js";
import type { PrimaryChannel } from "../primary-channel.js";
import { type EngineServer, ownsSession, sidOf } from "../sessions/engine.js";
import { ask } from "./ask.js";
import { ConnectionShares } from "./connection-share.js";
import { RequestForwarding } from "./forward-request.js";
import { forwardUpgrade } from "./forward-upgrade.js";
import type { LocalHandlers } from "./local-handlers.js";
import { PeerClient } from "./peer-client.js";
import { refuseRequest, refuseUpgrade } from "./refusal.js";

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
  readonly #shares = new ConnectionShares();
  readonly #primary: Pick<PrimaryChannel, "whois" | "place">;
  readonly #returnable: Pick<ReturnableConnections, "hold">;
  readonly #connections: Pick<ClientConnections, "of">;
  /** sid -> gateway of its owner; the oldest entry first */
  readonly #owners = new Map<string, string>();

  constructor(
    primary: Pick<PrimaryChannel, "whois" | "place">,
    returnable: Pick<ReturnableConnections, "hold">,
    connections: Pick<ClientConnections, "of">,
  ) {
    this.#primary = primary;
    this.#returnable = returnable;
    this.#connections = connections;
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
      if (sid === undefined) this.#onHandshake(local, req, res);
      else if (ownsSession(engine, sid)) local.handleRequest(req, res);
      else this.#onForeignRequest(local, sid, req, res);
    };
    engine.handleUpgrade = (req, socket, head) => {
      const sid = sidOf(req);
      if (sid === undefined || ownsSession(engine, sid)) local.handleUpgrade(req, socket, head);
      else this.#onForeignUpgrade(local, sid, req, socket, head);
    };
    return local;
  }

  /** A worker has ended. */
  forget(gateway: string): void {
    this.#peers.forget(gateway);
    for (const [sid, owner] of this.#owners) if (owner === gateway) this.#owners.delete(sid);
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
  #onHandshake(local: LocalHandlers, req: IncomingMessage, res: ServerResponse): void {
    const here = () => {
      if (!res.destroyed) local.handleRequest(req, res);
    };
    // A preflight opens no session: the place is for the request after it.
    if (req.method !== "GET" || this.#connections.of(req.socket)?.takePlace()) {
      here();
      return;
    }
    const place = (gateway: string | null): void => {
      if (gateway === null || !this.#shares.take(req, res)) here();
      else if (!res.destroyed) {
        const forwarding = new RequestForwarding(this.#peers, local, req, res, {
          ownConnection: true,
        });
        forwarding.send(gateway, here);
      }
    };
    ask(() => this.#place(req), place, here); // without an answer any place is right
  }

  /** Of a client with TLS the primary sees nothing but the address. */
  #place({ socket }: IncomingMessage): Promise<string | null> {
    const { encrypted } = socket as { encrypted?: boolean };
    return this.#primary.place(encrypted === true ? socket.remoteAddress : undefined);
  }

  #onForeignRequest(
    local: LocalHandlers,
    sid: string,
    req: IncomingMessage,
    res: ServerResponse,
  ): void {
    const here = () => {
      if (!res.destroyed) local.handleRequest(req, res);
    };
    const refuse = (error: unknown) => refuseRequest(res, error);
    const forward = (owner: string | null): void => {
      if (res.destroyed) return; // the client did not wait
      if (owner === null) {
        here();
        return;
      }
      const forwarding = new RequestForwarding(this.#peers, local, req, res);
      const onPresent = (present: string | null): void => {
        if (res.destroyed) return;
        if (present !== null && present !== owner && forwarding.canReplay) {
          forwarding.send(present, here);
        } else {
          here();
        }
      };
      // What was remembered is out of date: the session has ended, or its id is used again.
      forwarding.send(owner, () => ask(() => this.#askOwner(sid), onPresent, refuse));
    };
    if (!this.#shares.take(req, res)) {
      refuseRequest(res, "too many are forwarded for its connection", 503);
      return;
    }
    const owner = this.#owners.get(sid);
    if (owner !== undefined) forward(owner);
    else ask(() => this.#askOwner(sid), forward, refuse);
  }

  #onForeignUpgrade(
    local: LocalHandlers,
    sid: string,
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): void {
    const held = this.#returnable.hold(req, socket, head);
    const ignore = () => socket.destroy();
    socket.on("error", ignore);
    const here = (): void => {
      if (socket.destroyed) return;
      socket.off("error", ignore);
      local.handleUpgrade(req, socket, head);
    };
    const refuse = (error: unknown): void => {
      held?.keep();
      refuseUpgrade(socket, error);
    };
    const route = (owner: string | null): void => {
      if (socket.destroyed) return;
      if (owner !== null && held !== undefined) {
        held.giveBack();
      } else if (owner !== null) {
        try {
          forwardUpgrade(this.#peers.lineTo(owner), owner, local, req, socket, head, here);
        } catch (error) {
          refuseUpgrade(socket, error);
        }
      } else {
        held?.keep();
        here();
      }
    };
    // Never remembered: a refused upgrade is not repeated.
    ask(() => this.#askOwner(sid), route, refuse);
  }
}
