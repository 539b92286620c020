import { randomBytes } from "node:crypto";
import { type PeerQueue, PROTOCOL } from "../../protocol/mesh-messages.js";
import type { ToPrimary, ToWorker } from "../../protocol/messages.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";

interface Entered {
  id: number;
  address: string;
}

/**
 * Who is in the mesh of the workers (M4).
 *
 * Members are numbered as they enter, and all are told of each other in this order, so of any two
 * exactly one learns of the other as of somebody who is there already: that one connects.
 */
export class Membership {
  readonly #registry: WorkerRegistry;
  readonly #members = new Map<WorkerHandle, Entered>();
  /** Those in which something waits for others. */
  readonly #behind = new Set<WorkerHandle>();
  #lastId = 0;
  readonly #key = randomBytes(16).toString("hex");
  readonly #seed = randomBytes(4).readUInt32LE();

  constructor(registry: WorkerRegistry) {
    this.#registry = registry;
    registry.on("message", (handle, message) => this.#onMessage(handle, message));
    registry.on("gone", (handle) => this.#onGone(handle));
  }

  has(worker: WorkerHandle): boolean {
    return this.#members.has(worker);
  }

  /** Where others reach `worker`, `""` if they cannot; `undefined`: it is no member. */
  addressOf(worker: WorkerHandle): string | undefined {
    return this.#members.get(worker)?.address;
  }

  #onMessage(handle: WorkerHandle, message: ToPrimary): void {
    switch (message.type) {
      case "supervisor:hello":
        if (message.protocol === undefined && this.#members.size > 0) this.#refuse(handle);
        break;
      case "supervisor:mesh-enter":
        this.#enter(handle, message.address);
        break;
      case "supervisor:mesh-stuck":
        this.#onStuck(handle, message.id, message.why);
        break;
      case "supervisor:heartbeat":
        this.#note(handle, message.queues ?? []);
        break;
    }
  }

  #enter(handle: WorkerHandle, address: string): void {
    if (handle.state === "dead") return;
    const known = this.#members.get(handle);
    if (known !== undefined) {
      // Where it listened was gone.
      known.address = address;
      this.#tell(handle, { type: "supervisor:mesh-joined", id: known.id, address });
      return;
    }
    const id = ++this.#lastId;
    const members = [...this.#members.values()];
    handle.send({ type: "supervisor:mesh", id, key: this.#key, seed: this.#seed, members });
    this.#tell(handle, { type: "supervisor:mesh-joined", id, address });
    this.#members.set(handle, { id, address });
  }

  #onGone(handle: WorkerHandle): void {
    const member = this.#members.get(handle);
    if (member === undefined) return;
    this.#members.delete(handle);
    this.#note(handle, []);
    this.#tell(handle, { type: "supervisor:mesh-gone", id: member.id });
  }

  /** Tells all but the one that it is about. */
  #tell(about: WorkerHandle, message: ToWorker): void {
    for (const other of this.#members.keys()) if (other !== about) other.send(message);
  }

  /**
   * A worker that does not read what others send it cannot stay: it would have to miss something,
   * and would not know. That goes for one under a debugger, too (B2).
   */
  #onStuck(reporter: WorkerHandle, id: number, why: string): void {
    const [stuck] = [...this.#members].find(([, member]) => member.id === id) ?? [];
    if (stuck !== undefined) this.#registry.giveUp(stuck, `${why}, says worker ${reporter.pid}`);
  }

  /** `reporter` says how many bytes wait in it for each of the others. */
  #note(reporter: WorkerHandle, queues: readonly PeerQueue[]): void {
    if (queues.length > 0) this.#behind.add(reporter);
    else if (!this.#behind.delete(reporter)) return; // as before
    const bytes = new Map(queues);
    for (const [member, { id }] of this.#members) member.waitsIn(reporter, bytes.get(id) ?? 0);
  }

  /** Workers of an earlier version would hear nothing of the others' messages (M6). */
  #refuse(handle: WorkerHandle): void {
    const text =
      `Worker ${handle.pid} runs an earlier version of socket-supervisor than this primary ` +
      `(protocol ${PROTOCOL}) and the other workers. A reload cannot mix them: restart the cluster.`;
    handle.note(`${text}\n`);
    process.emitWarning(text, { code: "SUPERVISOR_PROTOCOL" });
    handle.signal("SIGTERM");
  }
}
