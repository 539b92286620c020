import cluster from "node:cluster";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { SupervisorError } from "../errors.js";
import { PROTOCOL } from "../mesh-protocol.js";
import { ClientAffinity } from "../policy/affinity.js";
import type { Listener, Routing, SessionNotice, ToPrimary } from "../protocol.js";
import { outliveReaders } from "../std-streams.js";
import { AdapterKinds } from "./adapter/adapter-kinds.js";
import { startAdapterRelay } from "./adapter/adapter-relay.js";
import { Gateways } from "./gateways.js";
import { Leases } from "./jobs/leases.js";
import { Membership } from "./mesh/membership.js";
import { Placement } from "./routing/placement.js";
import { WorkerLines } from "./routing/worker-lines.js";
import { OwnerDirectory } from "./sessions/owner-directory.js";
import { SessionTable } from "./sessions/session-table.js";
import { SessionWaiters } from "./upstream/session-waiters.js";
import type { WorkerHandle } from "./workers/worker-handle.js";
import { type WorkerRegistry, workerRegistry } from "./workers/worker-registry.js";

/** Routes a connection that a worker has given back, by what was read of it. */
export type TakeBack = (socket: Socket, bytes: Uint8Array) => void;

/**
 * What the primary knows of its workers' sessions, and its side of the conversation with them.
 * One per process; the manager and every sticky balancer share it.
 */
export class Coordinator {
  readonly registry: WorkerRegistry;
  readonly sessions = new SessionTable<WorkerHandle>();
  readonly placement = new Placement(this.sessions);
  readonly waiters = new SessionWaiters();
  readonly affinity = new ClientAffinity<WorkerHandle>();
  readonly leases: Leases;
  readonly lines: WorkerLines;
  readonly #directory: OwnerDirectory;
  readonly #gateways: Gateways;
  readonly #ticketKeys = randomBytes(48);
  /** Servers without a name, by kind. */
  readonly #listeners = { plain: 0, tls: 0 };
  readonly #takeBack = new Map<string, TakeBack>();
  /** What the application's own servers need; those of a manager say it to its workers alone. */
  #routing: Routing = "direct";

  constructor(registry: WorkerRegistry) {
    this.registry = registry;
    this.#directory = new OwnerDirectory(this.sessions, () => this.#answering());
    const relay = startAdapterRelay(registry);
    this.lines = new WorkerLines(registry);
    const mesh = new Membership(registry);
    const kinds = new AdapterKinds({ mesh: (w) => mesh.has(w), ipc: (w) => relay.has(w) });
    registry.on("ready", (handle) => kinds.compare(handle, registry.ready));
    this.leases = new Leases(registry);
    this.#gateways = new Gateways(registry, () => this.#routing, mesh);
    registry.on("message", (...args) => this.#onMessage(...args));
    registry.on("gone", (handle) => this.#onGone(handle));
    registry.on("exit", (handle) => this.sessions.removeOwner(handle));
    registry.on("state", (handle) => {
      if (handle.state === "hung" || handle.isFull) this.#directory.gone(handle);
    });
  }

  /** Registers one more listening server. */
  addListener(secure: boolean, name: string | undefined, takeBack: TakeBack): Listener {
    const index = name === undefined ? this.#listeners[secure ? "tls" : "plain"]++ : 0;
    const listener = { secure, name, index };
    this.#takeBack.set(JSON.stringify(listener), takeBack);
    return listener;
  }

  /** A server of the application is there; all of its workers have to set up the same side of it. */
  useRouting(routing: Routing): void {
    if (routing === "upstream") this.#routing = routing;
  }

  /** Leaves nothing behind; for when no worker is left. */
  removeFiles(): void {
    this.#gateways.close();
  }

  /** Workers that take part: those that run our setupWorker() and can be reached. */
  *#members(): Iterable<WorkerHandle> {
    for (const handle of this.registry.all)
      if (handle.isOurs && handle.state !== "dead") yield handle;
  }

  /**
   * Members, without those that stand still: every question about an unknown sid would wait for
   * them (B3).
   */
  *#answering(): Iterable<WorkerHandle> {
    for (const handle of this.#members())
      if (handle.state !== "hung" && !handle.isFull) yield handle;
  }

  #onMessage(handle: WorkerHandle, message: ToPrimary, socket: Socket | undefined): void {
    switch (message.type) {
      case "supervisor:hello":
        handle.send({
          type: "supervisor:welcome",
          routing: handle.terms.routing ?? this.#routing,
          managed: handle.terms.managed,
          gatewayDir: this.#gateways.path(),
          hangTimeout: handle.terms.hangTimeout,
          ticketKeys: this.#ticketKeys,
          protocol: PROTOCOL,
          maxQueue: handle.terms.maxQueue,
        });
        break;
      case "supervisor:sessions":
        this.#onSessions(handle, message);
        break;
      case "supervisor:whois":
        this.#onWhois(handle, message.id, message.sid);
        break;
      case "supervisor:place":
        this.#onPlace(handle, message.id, message.address);
        break;
      case "supervisor:return":
        this.#onReturn(socket, message.data, message.listener);
        break;
      case "sticky:connection":
        if (handle.state === "dead") break; // what it owned is gone already
        this.sessions.open(message.data, handle);
        this.waiters.announced(message.data);
        this.placement.arrived(handle);
        break;
      case "sticky:disconnection":
        this.sessions.close(message.data, handle);
        break;
      case "supervisor:ready":
      case "supervisor:takes-sockets":
      case "supervisor:gateway":
      case "supervisor:inspector":
        break; // the business of registry and gateways
    }
  }

  #onSessions(handle: WorkerHandle, notice: SessionNotice): void {
    if (handle.state === "dead") return; // what it owned is gone already
    this.sessions.apply(notice, handle);
    this.placement.arrived(handle, notice.opened.length + notice.refused);
    if (notice.sync !== undefined) this.#directory.answered(handle, notice.sync);
  }

  /** An empty sid asks for nobody: it only waits until everybody was heard. */
  #onWhois(asker: WorkerHandle, id: number, sid: string): void {
    if (sid === "") this.#directory.afterSync(() => this.#answer(asker, id, undefined));
    else this.#directory.find(sid, (owner) => this.#answer(asker, id, owner));
  }

  #onReturn(socket: Socket | undefined, bytes: Uint8Array, listener: Listener): void {
    if (socket === undefined) return; // the client was gone before it arrived
    const { secure, name, index } = listener;
    const takeBack = this.#takeBack.get(JSON.stringify({ secure, name, index }));
    if (takeBack === undefined) socket.destroy();
    else takeBack(socket, bytes);
  }

  #onPlace(asker: WorkerHandle, id: number, address: string | undefined): void {
    const ours = this.registry.newest.filter((handle) => handle.isOurs);
    const worker = this.placement.forSessionAt(asker, ours);
    if (address !== undefined) this.affinity.note(address, worker, performance.now());
    this.#answer(asker, id, worker);
  }

  #answer(asker: WorkerHandle, id: number, worker: WorkerHandle | undefined): void {
    const gateway = worker === undefined || worker === asker ? null : worker.gateway;
    asker.send({ type: "supervisor:owner", id, gateway });
  }

  #onGone(gone: WorkerHandle): void {
    this.sessions.removeOwner(gone);
    this.#directory.gone(gone);
    if (gone.gateway === null) return;
    const { gateway } = gone;
    for (const handle of this.#members()) handle.send({ type: "supervisor:peer-gone", gateway });
  }
}

let coordinator: Coordinator | undefined;

/**
 * The coordinator of this process.
 *
 * @throws SupervisorError `ERR_SUPERVISOR_NOT_PRIMARY` in a worker;
 *   `ERR_SUPERVISOR_SERIALIZATION` when workers were forked before, with another serialization
 */
export function primaryCoordinator(): Coordinator {
  if (coordinator !== undefined) return coordinator;
  outliveReaders();
  const registry = workerRegistry();
  // Binary payloads and the bytes of a hand-off do not survive JSON.
  if (cluster.settings.serialization !== "advanced") {
    if ([...registry.all].length > 0) {
      throw new SupervisorError(
        "ERR_SUPERVISOR_SERIALIZATION",
        "Call setupStickyMaster() (or make the ClusterManager) before the first cluster.fork(), " +
          'or fork with cluster.setupPrimary({ serialization: "advanced" }).',
      );
    }
    cluster.setupPrimary({ serialization: "advanced" });
  }
  const made = new Coordinator(registry);
  process.once("exit", () => made.removeFiles());
  coordinator = made;
  return made;
}
