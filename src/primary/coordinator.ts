import cluster from "node:cluster";
import { SupervisorError } from "../errors.js";
import type { Routing, SessionNotice, ToPrimary } from "../protocol.js";
import { startAdapterRelay } from "./adapter-relay.js";
import { createGatewayDir, removeGatewayDir } from "./gateway-dir.js";
import { OwnerDirectory } from "./owner-directory.js";
import { Placement } from "./placement.js";
import { SessionTable } from "./session-table.js";
import { SessionWaiters } from "./session-waiters.js";
import type { WorkerHandle } from "./worker-handle.js";
import { type WorkerRegistry, workerRegistry } from "./worker-registry.js";

/**
 * What the primary knows of its workers' sessions, and its side of the conversation with them.
 * One per process; the manager and every sticky balancer share it.
 */
export class Coordinator {
  readonly registry: WorkerRegistry;
  readonly sessions = new SessionTable<WorkerHandle>();
  readonly placement = new Placement(this.sessions);
  readonly waiters = new SessionWaiters();
  readonly #directory: OwnerDirectory;
  /** Made for the first worker that asks. */
  #gatewayDir: string | undefined;
  /** Told to the workers; they have to set up the same side of it. */
  routing: Routing = "direct";
  /** Told to the workers, so that they can say where they are stuck before they are killed (ms). */
  hangTimeout = 10_000;

  constructor(registry: WorkerRegistry) {
    this.registry = registry;
    this.#directory = new OwnerDirectory(this.sessions, () => this.#answering());
    startAdapterRelay(registry);
    registry.on("message", (handle, message) => this.#onMessage(handle, message));
    registry.on("gone", (handle) => this.#onGone(handle));
    registry.on("exit", (handle) => this.sessions.removeOwner(handle));
  }

  /** Leaves nothing behind; for when no worker is left. */
  removeFiles(): void {
    if (this.#gatewayDir !== undefined) removeGatewayDir(this.#gatewayDir);
    this.#gatewayDir = undefined;
  }

  /** Workers that take part: those that run our setupWorker() and can be reached. */
  *#members(): Iterable<WorkerHandle> {
    for (const handle of this.registry.all)
      if (handle.isOurs && handle.state !== "dead") yield handle;
  }

  /**
   * Members, without those that stand still under a debugger: that may take hours, and every
   * question about an unknown sid would wait for them.
   */
  *#answering(): Iterable<WorkerHandle> {
    for (const handle of this.#members())
      if (handle.state !== "hung" || !handle.isInspected) yield handle;
  }

  #onMessage(handle: WorkerHandle, message: ToPrimary): void {
    switch (message.type) {
      case "supervisor:hello":
        this.#gatewayDir ??= createGatewayDir();
        handle.send({
          type: "supervisor:welcome",
          routing: this.routing,
          gatewayDir: this.#gatewayDir,
          hangTimeout: this.hangTimeout,
        });
        break;
      case "supervisor:sessions":
        this.#onSessions(handle, message);
        break;
      case "supervisor:whois":
        this.#onWhois(handle, message.id, message.sid);
        break;
      case "supervisor:place":
        this.#answer(
          handle,
          message.id,
          this.placement.forSessionAt(
            handle,
            this.registry.newest.filter((item) => item.isOurs),
          ),
        );
        break;
      case "sticky:connection":
        this.sessions.open(message.data, handle);
        this.waiters.announced(message.data);
        handle.reservations.release();
        break;
      case "sticky:disconnection":
        this.sessions.close(message.data, handle);
        break;
      case "supervisor:ready":
      case "supervisor:inspector":
        break; // the registry's business
    }
  }

  #onSessions(handle: WorkerHandle, notice: SessionNotice): void {
    if (handle.state === "dead") return; // what it owned is gone already
    for (const sid of notice.opened) this.sessions.open(sid, handle);
    for (const sid of notice.closed) this.sessions.close(sid, handle);
    handle.reservations.release(notice.opened.length + notice.refused);
    if (notice.sync !== undefined) this.#directory.answered(handle, notice.sync);
  }

  /** An empty sid asks for nobody: it only waits until everybody was heard. */
  #onWhois(asker: WorkerHandle, id: number, sid: string): void {
    if (sid === "") this.#directory.afterSync(() => this.#answer(asker, id, undefined));
    else this.#directory.find(sid, (owner) => this.#answer(asker, id, owner));
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
  coordinator = new Coordinator(registry);
  return coordinator;
}
