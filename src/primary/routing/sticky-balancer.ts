import type { Server, Socket } from "node:net";
import { stopReads } from "../../handoff/stop-reads.js";
import type { ResolvedStickyOptions } from "../../options/options.js";
import type { ClientAffinity } from "../../policy/affinity.js";
import { readRequestLine, readSessionQuery } from "../../policy/request-line.js";
import { descriptorLimit } from "../../system/descriptors.js";
import type { Placement } from "../sessions/placement.js";
import type { SessionTable } from "../sessions/session-table.js";
import type { SessionWaiters } from "../upstream/session-waiters.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";
import type { Handoff, HandoffLines } from "./handoff.js";
import { HandoffChannel } from "./handoff-channel.js";
import type { Listeners } from "./listeners.js";
import { refuse } from "./refuse.js";
import { UnroutedConnections } from "./unrouted-connections.js";

/** With whom a balancer works; all balancers share them. */
export interface BalancerParts {
  readonly registry: Pick<WorkerRegistry, "ready" | "newest" | "setState" | "on">;
  readonly sessions: Pick<SessionTable<WorkerHandle>, "ownerOf">;
  readonly placement: Pick<Placement, "forSession" | "forRequest" | "arrived">;
  readonly affinity: Pick<ClientAffinity<WorkerHandle>, "pick">;
  readonly waiters: Pick<SessionWaiters, "wait">;
  readonly lines: HandoffLines<WorkerHandle>;
  readonly listeners: Pick<Listeners, "add">;
}

/**
 * Gives the connections of one listening server to the workers.
 *
 * It has no list of workers but the registry's ready ones and the session table's owners, so it
 * cannot route to any other.
 */
export class StickyBalancer {
  readonly #parts: BalancerParts;
  readonly #options: ResolvedStickyOptions;
  readonly #channels = new Map<WorkerHandle, HandoffChannel>();

  constructor(parts: BalancerParts, options: ResolvedStickyOptions) {
    this.#parts = parts;
    this.#options = options;
    parts.registry.on("gone", (handle) => {
      // First forget it, so that what it gives back cannot go to it again.
      const channel = this.#channels.get(handle);
      this.#channels.delete(handle);
      channel?.close();
    });
    parts.registry.on("state", (handle) => {
      if (handle.state !== "ready" && handle.state !== "dead") this.#moveWaiting(handle);
    });
  }

  /** For a server whose bytes we can read: the first request line decides. */
  attachTo(server: Server): void {
    const route = (socket: Socket, bytes: Uint8Array, target: string, returned = false): void => {
      if (!stopReads(socket)) return; // closed meanwhile
      this.#route({ socket, bytes, listener, returned, ...readSessionQuery(target) });
    };
    const listener = this.#parts.listeners.add(false, this.#options.name, (socket, bytes) => {
      socket.on("error", () => socket.destroy());
      const line = readRequestLine(bytes);
      route(socket, bytes, line.state === "complete" ? line.target : "", true);
    });
    // Without a descriptor nobody can come in, so a flood must not take all of them.
    const maxUnrouted = Math.min(this.#options.maxUnrouted, Math.floor(descriptorLimit() / 2));
    const unrouted = new UnroutedConnections({ ...this.#options, maxUnrouted }, route);
    takeConnections(server, (socket) => unrouted.add(socket));
    server.once("close", () => unrouted.close());
  }

  /**
   * For TLS, whose bytes mean nothing here: a client that was here before goes to the worker of its
   * session, others to the workers in turn. They ask where a session should open, and forward what
   * is not their own.
   */
  attachUntouched(server: Server): void {
    const { name } = this.#options;
    // None comes back: no other process could go on with its encryption.
    const listener = this.#parts.listeners.add(true, name, (socket) => socket.destroy());
    const bytes = new Uint8Array(0);
    // Read by Node for each connection (lib/net.js); typed only as an option of createServer().
    (server as Server & { pauseOnConnect: boolean }).pauseOnConnect = true;
    takeConnections(server, (socket) => {
      socket.on("error", () => socket.destroy());
      const unknown = { sid: undefined, opensSession: false };
      this.#route({ socket, bytes, listener, returned: false, ...unknown });
    });
  }

  #route(handoff: Handoff): void {
    const { registry, sessions, waiters } = this.#parts;
    const { sid } = handoff;
    if (sid !== undefined && !sessions.ownerOf(sid) && registry.ready.some((h) => !h.isOurs)) {
      waiters.wait(sid, () => this.#send(handoff));
    } else {
      this.#send(handoff);
    }
  }

  #send(handoff: Handoff): void {
    const owner = handoff.sid && this.#parts.sessions.ownerOf(handoff.sid);
    const handle = owner || this.#recentOf(handoff) || this.#pick(handoff.opensSession);
    if (handle === undefined) refuse(handoff.socket, 503);
    else this.#channelOf(handle).push(handoff);
  }

  /** The worker of the client's last session, for a connection that tells nothing of itself. */
  #recentOf({ socket, listener }: Handoff): WorkerHandle | undefined {
    if (!listener.secure || socket.remoteAddress === undefined) return undefined;
    const isReady = (handle: WorkerHandle) =>
      handle.state === "ready" && this.#channels.get(handle)?.isStalled !== true;
    return this.#parts.affinity.pick(socket.remoteAddress, performance.now(), isReady);
  }

  #pick(opensSession: boolean): WorkerHandle | undefined {
    const { placement, registry } = this.#parts;
    const method = this.#options.loadBalancingMethod;
    return opensSession
      ? placement.forSession(this.#taking(registry.newest), method)
      : placement.forRequest(this.#taking(registry.ready), method);
  }

  /** Those that take their sockets; all, when none does. */
  #taking(ready: readonly WorkerHandle[]): readonly WorkerHandle[] {
    const isStalled = (handle: WorkerHandle) => this.#channels.get(handle)?.isStalled === true;
    if (!ready.some(isStalled)) return ready;
    const taking = ready.filter((handle) => !isStalled(handle));
    return taking.length > 0 ? taking : ready;
  }

  /**
   * What waits for a worker that takes nothing now goes to others, if there are any: but for what
   * belongs to its sessions.
   */
  #moveWaiting(handle: WorkerHandle): void {
    const { registry, sessions } = this.#parts;
    const channel = this.#channels.get(handle);
    const isTaking = (other: WorkerHandle) =>
      other !== handle && this.#channels.get(other)?.isStalled !== true;
    if (channel === undefined || !registry.ready.some(isTaking)) return;
    const isOwn = ({ sid }: Handoff) => sid !== undefined && sessions.ownerOf(sid) === handle;
    for (const handoff of channel.takeWaiting(isOwn)) {
      if (handoff.opensSession) this.#parts.placement.arrived(handle, 1);
      this.#send(handoff);
    }
  }

  #channelOf(handle: WorkerHandle): HandoffChannel {
    let channel = this.#channels.get(handle);
    if (channel === undefined) {
      channel = new HandoffChannel(handle, this.#parts.lines, {
        onGone: (handoffs) => {
          // It cannot be written to, whatever else is known of it: nothing may be routed to it again.
          this.#parts.registry.setState(handle, "dead");
          for (const handoff of handoffs) this.#route(handoff);
        },
        onStalled: () => this.#moveWaiting(handle),
      });
      this.#channels.set(handle, channel);
    }
    return channel;
  }
}

/** From now on `take` gets the connections, and the server's own parser does not. */
function takeConnections(server: Server, take: (socket: Socket) => void): void {
  server.removeAllListeners("connection");
  server.on("connection", take);
}
