import type { Socket } from "node:net";
import type { WorkerOptions } from "../options/options.js";
import type { Welcome } from "../protocol/messages.js";
import { outliveReaders } from "../system/std-streams.js";
import { ServerNames } from "./adapter/server-names.js";
import { Arrivals, type ConnectionMessage } from "./connections/arrivals.js";
import { ClientConnections } from "./connections/client-connections.js";
import { Dispatch } from "./connections/dispatch.js";
import { startRequestTimeouts } from "./connections/request-timeouts.js";
import { ReturnableConnections } from "./connections/return-connection.js";
import { shareTicketKeys } from "./connections/tls-sessions.js";
import { ForeignRequests } from "./forwarding/foreign-requests.js";
import { PeerGateway } from "./forwarding/peer-gateway.js";
import { tellAppMetrics } from "./health/app-metrics.js";
import { startHeartbeat } from "./health/heartbeat.js";
import { watchInspector } from "./health/inspector.js";
import { startWatchdog } from "./health/watchdog.js";
import { openWork } from "./jobs/open-work.js";
import { WorkerLifecycle } from "./lifecycle.js";
import type { PrimaryChannel } from "./primary-channel.js";
import type { CheckedHost, EngineServer } from "./sessions/engine.js";
import { SessionNotices } from "./sessions/session-notices.js";

/** Of the time after which a silent worker is killed, what passes before it says where it is. */
const STUCK_SHARE = 0.5;

/** What one worker process has once, however many servers it runs. */
export class WorkerRuntime {
  readonly names = new ServerNames();
  readonly #channel: PrimaryChannel;
  readonly #connections = new ClientConnections();
  readonly #dispatch = new Dispatch();
  readonly #gateway = new PeerGateway();
  readonly #arrivals: Arrivals;
  readonly #notices: SessionNotices;
  readonly #foreign: ForeignRequests;
  readonly #lifecycle: WorkerLifecycle;
  #listening: Promise<string | null> | undefined;
  readonly #watched = new WeakSet<EngineServer>();
  #started = false;

  constructor(channel: PrimaryChannel) {
    outliveReaders();
    this.#channel = channel;
    this.#arrivals = new Arrivals({
      onConnection: (message, socket) => this.#take(message, socket),
      onNews: (urgent) => this.#notices.announce(urgent),
    });
    this.#notices = new SessionNotices(channel, () => this.#arrivals.takeNews());
    const returnable = new ReturnableConnections(channel, this.#connections);
    this.#foreign = new ForeignRequests(channel, returnable, this.#connections);
    this.#lifecycle = new WorkerLifecycle(channel, this.#connections, openWork);
    channel.on("supervisor:peer-gone", ({ gateway }) => this.#foreign.forget(gateway));
    channel.on("supervisor:listen", ({ dir }) => this.#listenAgain(dir));
    process.once("exit", () => this.#gateway.close());
    // Gone before it could be handed over: no socket.
    channel.on("sticky:connection", (message, socket) => socket && this.#take(message, socket));
  }

  #take(message: ConnectionMessage, socket: Socket): void {
    this.#dispatch.take(this.#connections.add(message, socket));
  }

  /**
   * @param name of the server, the same in all workers
   * @returns the path of the gateway; `null` when it cannot listen
   */
  attach(
    { httpServer, engine }: CheckedHost,
    name: string,
    options: Pick<WorkerOptions, "name">,
    { gatewayDir, ticketKeys }: Welcome,
  ): Promise<string | null> {
    shareTicketKeys(httpServer, ticketKeys);
    startRequestTimeouts(httpServer);
    this.#connections.watch(httpServer);
    if (engine !== undefined) this.watch(engine, name);
    this.#dispatch.serve(httpServer, options.name);
    if (this.#listening === undefined) {
      const journal = this.#arrivals.open(gatewayDir);
      this.#channel.send({ type: "supervisor:takes-sockets", journal });
      this.#listening = this.#gateway.listen(gatewayDir);
    }
    return this.#listening;
  }

  /**
   * Finds the requests of other workers' sessions, and tells of its own. To be called at once for an
   * engine that is attached to a server with connections: it may open sessions from then on.
   */
  watch(engine: EngineServer, name: string): void {
    if (this.#watched.has(engine)) return;
    this.#watched.add(engine);
    this.#gateway.serve(this.#foreign.watch(engine, name));
    this.#notices.watch(engine);
    this.#lifecycle.watch(engine);
  }

  /** The directory that its gateway was in is gone, or there is one now. */
  #listenAgain(dir: string): void {
    if (this.#listening === undefined) return; // it forwards nothing
    this.#listening = this.#listening.then(() => this.#gateway.listen(dir)); // one at a time
    this.#listening
      .then((gateway) => this.#channel.send({ type: "supervisor:gateway", gateway }))
      .catch((error: Error) => process.emitWarning(error));
  }

  /** @param watchdog whether to start it; `hangTimeout` (ms) is the primary's */
  start(gateway: string | null, watchdog: boolean, { hangTimeout, managed }: Welcome): void {
    if (!this.#started) {
      if (managed) this.#lifecycle.leaveSignals();
      startHeartbeat(this.#channel);
      watchInspector(this.#channel);
      tellAppMetrics(this.#channel);
      if (watchdog) startWatchdog(gateway, hangTimeout * STUCK_SHARE);
    }
    this.#started = true;
    this.#channel.send({ type: "supervisor:ready", gateway });
  }
}
