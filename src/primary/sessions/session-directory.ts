import type { ClientAffinity } from "../../policy/affinity.js";
import type { SessionNotice, ToPrimary } from "../../protocol/messages.js";
import type { SessionWaiters } from "../upstream/session-waiters.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";
import { OwnerDirectory } from "./owner-directory.js";
import type { Placement } from "./placement.js";
import type { SessionTable } from "./session-table.js";

/** What the directory keeps up to date; others read it. */
export interface SessionRecords {
  readonly sessions: SessionTable<WorkerHandle>;
  readonly placement: Placement;
  readonly affinity: ClientAffinity<WorkerHandle>;
  readonly waiters: SessionWaiters;
}

/**
 * The primary's side of the conversation about sessions: takes the workers' notices, and answers who
 * owns a session and where the next one should open.
 */
export class SessionDirectory {
  readonly #registry: WorkerRegistry;
  readonly #records: SessionRecords;
  readonly #owners: OwnerDirectory;

  constructor(registry: WorkerRegistry, records: SessionRecords) {
    this.#registry = registry;
    this.#records = records;
    const { sessions } = records;
    this.#owners = new OwnerDirectory(sessions, () => this.#answering());
    registry.on("message", (handle, message) => this.#onMessage(handle, message));
    registry.on("gone", (handle) => {
      sessions.removeOwner(handle);
      this.#owners.gone(handle);
    });
    registry.on("exit", (handle) => sessions.removeOwner(handle));
    registry.on("state", (handle) => {
      if (handle.state === "hung" || handle.closedFor !== undefined) this.#owners.gone(handle);
    });
  }

  /**
   * Workers that take part, without those that stand still: every question about an unknown sid would
   * wait for them (B3).
   */
  *#answering(): Iterable<WorkerHandle> {
    for (const handle of this.#registry.members())
      if (handle.state !== "hung" && handle.closedFor === undefined) yield handle;
  }

  #onMessage(handle: WorkerHandle, message: ToPrimary): void {
    switch (message.type) {
      case "supervisor:sessions":
        this.#onNotice(handle, message);
        break;
      case "supervisor:whois":
        this.#onWhois(handle, message.id, message.sid);
        break;
      case "supervisor:place":
        this.#onPlace(handle, message.id, message.address);
        break;
      case "sticky:connection":
        this.#onUpstreamOpened(handle, message.data);
        break;
      case "sticky:disconnection":
        this.#records.sessions.close(message.data, handle);
        break;
    }
  }

  #onNotice(handle: WorkerHandle, notice: SessionNotice): void {
    if (handle.state === "dead") return; // what it owned is gone already
    const { sessions, placement } = this.#records;
    sessions.apply(notice, handle);
    placement.arrived(handle, notice.opened.length + notice.refused);
    if (notice.sync !== undefined) this.#owners.answered(handle, notice.sync);
  }

  /** A worker of `@socket.io/sticky` tells of each session by itself. */
  #onUpstreamOpened(handle: WorkerHandle, sid: string): void {
    if (handle.state === "dead") return; // what it owned is gone already
    const { sessions, placement, waiters } = this.#records;
    sessions.open(sid, handle);
    waiters.announced(sid);
    placement.arrived(handle);
  }

  /** An empty sid asks for nobody: it only waits until everybody was heard. */
  #onWhois(asker: WorkerHandle, id: number, sid: string): void {
    if (sid === "") this.#owners.afterSync(() => this.#answer(asker, id, undefined));
    else this.#owners.find(sid, (owner) => this.#answer(asker, id, owner));
  }

  #onPlace(asker: WorkerHandle, id: number, address: string | undefined): void {
    const { placement, affinity } = this.#records;
    const ours = this.#registry.newest.filter((handle) => handle.isOurs);
    const worker = placement.forSessionAt(asker, ours);
    if (address !== undefined) affinity.note(address, worker, performance.now());
    this.#answer(asker, id, worker);
  }

  #answer(asker: WorkerHandle, id: number, worker: WorkerHandle | undefined): void {
    const gateway = worker === undefined || worker === asker ? null : worker.gateway;
    asker.send({ type: "supervisor:owner", id, gateway });
  }
}
