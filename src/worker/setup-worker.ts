import type { Server as HttpServer } from "node:http";
import { createRequire } from "node:module";
import type { Server } from "socket.io";
import { SupervisorError } from "../errors.js";
import { refusePm2Cluster } from "../pm2.js";
import { adoptConnection, startRequestTimeouts } from "./adopt-connection.js";
import type { EngineHost, EngineServer } from "./engine.js";
import { ForeignRequests } from "./foreign-requests.js";
import { startHeartbeat } from "./heartbeat.js";
import { watchInspector } from "./inspector.js";
import { IpcAdapter } from "./ipc-adapter.js";
import { WorkerLifecycle } from "./lifecycle.js";
import { PeerGateway } from "./peer-gateway.js";
import { type PrimaryChannel, primaryChannel } from "./primary-channel.js";
import { SessionNotices } from "./session-notices.js";
import { startWatchdog } from "./watchdog.js";

type AdapterFactory = NonNullable<Parameters<Server["adapter"]>[0]>;

/** Options of {@link setupWorker}. */
export interface SetupWorkerOptions {
  /**
   * Adapter for the Socket.IO server; `false` leaves the server's own. Default: the cluster
   * adapter, unless the server has been given another adapter than the in-memory one.
   */
  adapter?: AdapterFactory | false;
  /**
   * A thread that ends this worker when the primary is gone though its event loop is blocked, and
   * tells where it is blocked. Costs 10 to 18 MB of memory. Default: `true`.
   */
  watchdog?: boolean;
}

/** Of the time after which a silent worker is killed, what passes before it says where it is. */
const STUCK_SHARE = 0.5;

/** What one worker process has once, however many servers it runs. */
class WorkerRuntime {
  readonly #channel: PrimaryChannel;
  readonly #gateway = new PeerGateway();
  readonly #notices: SessionNotices;
  readonly #foreign: ForeignRequests;
  readonly #lifecycle: WorkerLifecycle;
  #listening: Promise<string> | undefined;
  #server: HttpServer | undefined;
  #started = false;

  constructor(channel: PrimaryChannel) {
    this.#channel = channel;
    this.#notices = new SessionNotices(channel);
    this.#foreign = new ForeignRequests(channel);
    this.#lifecycle = new WorkerLifecycle(channel);
    channel.on("supervisor:peer-gone", ({ gateway }) => this.#foreign.forget(gateway));
    channel.on("sticky:connection", ({ data, placed }, socket) => {
      // No socket: the client was gone before it could be handed over.
      if (socket === undefined || this.#server === undefined) return;
      this.#lifecycle.add(socket);
      if (placed) this.#foreign.placed(socket);
      adoptConnection(this.#server, socket, data);
    });
  }

  /** @returns the path of the gateway */
  attach({ httpServer, engine }: EngineHost, gatewayDir: string): Promise<string> {
    this.#server ??= httpServer;
    startRequestTimeouts(httpServer);
    this.#gateway.serve(this.#foreign.watch(engine));
    this.#notices.watch(engine);
    this.#lifecycle.watch(httpServer, engine);
    this.#listening ??= this.#gateway.listen(gatewayDir);
    return this.#listening;
  }

  /** @param stuckAfter ms; `undefined`: no watchdog */
  start(gateway: string | null, stuckAfter: number | undefined): void {
    if (!this.#started) {
      startHeartbeat(this.#channel);
      watchInspector(this.#channel);
      if (stuckAfter !== undefined) startWatchdog(gateway, stuckAfter);
    }
    this.#started = true;
    this.#channel.send({ type: "supervisor:ready", gateway });
  }
}

let runtime: WorkerRuntime | undefined;

/**
 * Makes a Socket.IO server (or an Engine.IO server alone) part of the cluster: it gets its
 * connections from the primary, and the cluster adapter, so that broadcasts, rooms,
 * `fetchSockets()` and `serverSideEmit()` span all workers. Do not `listen()`.
 *
 * @returns when the worker is ready; it gets connections from then on, so call it last
 * @throws SupervisorError `ERR_SUPERVISOR_NOT_WORKER`, `ERR_SUPERVISOR_NO_SERVER`,
 *   `ERR_SUPERVISOR_NO_PRIMARY`, `ERR_SUPERVISOR_PM2_CLUSTER`
 */
export async function setupWorker(
  io: Server | EngineHost,
  options: SetupWorkerOptions = {},
): Promise<void> {
  refusePm2Cluster();
  const channel = primaryChannel();
  const host = checkHost(io);
  // Before the hello: once the primary knows this worker, it may ask.
  runtime ??= new WorkerRuntime(channel);
  const { routing, gatewayDir, hangTimeout } = await channel.hello();
  if ("adapter" in io) installAdapter(io, options.adapter);

  let gateway: string | null = null;
  if (routing === "upstream") {
    const require = createRequire(import.meta.url);
    const sticky = require("@socket.io/sticky") as typeof import("@socket.io/sticky");
    sticky.setupWorker(io as Server);
  } else {
    gateway = await runtime.attach(host, gatewayDir);
  }
  // Once the others have handled our adapters' greeting, their answers are here: the first
  // fetchSockets() already sees all of them.
  await channel.whois("");
  runtime.start(gateway, options.watchdog === false ? undefined : hangTimeout * STUCK_SHARE);
}

function checkHost(io: Server | EngineHost): EngineHost {
  const { httpServer, engine } = (io ?? {}) as Partial<EngineHost>;
  if (typeof httpServer?.emit !== "function" || typeof engine?.handleRequest !== "function") {
    throw new SupervisorError(
      "ERR_SUPERVISOR_NO_SERVER",
      "setupWorker(io) needs a Socket.IO server with an HTTP server: new Server(httpServer), or " +
        "io.attach(httpServer) before. Of an Engine.IO server, pass { httpServer, engine }.",
    );
  }
  return { httpServer, engine: engine as EngineServer };
}

function installAdapter(io: Server, adapter: SetupWorkerOptions["adapter"]): void {
  if (adapter === false) return;
  if (adapter !== undefined) {
    io.adapter(adapter);
    return;
  }
  const { opts } = io as unknown as { opts: { connectionStateRecovery?: unknown } };
  if (opts.connectionStateRecovery) {
    process.emitWarning(
      "connectionStateRecovery has no effect under the cluster adapter: a client that comes back " +
        "may reach another worker, which does not have its missed packets.",
      { code: "SUPERVISOR_NO_RECOVERY" },
    );
  }
  const current = io.of("/").adapter.constructor.name;
  if (current === "Adapter" || current === "SessionAwareAdapter") io.adapter(IpcAdapter);
}
