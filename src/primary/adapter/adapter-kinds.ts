import type { WorkerHandle } from "../workers/worker-handle.js";

/** By which ways a worker's messages to other workers go. */
export interface Ways {
  mesh: (worker: WorkerHandle) => boolean;
  ipc: (worker: WorkerHandle) => boolean;
}

/**
 * Says when workers do not hear each other since one talks over the mesh and another one through the
 * primary: their options differ, or one of them found no folder when it started.
 *
 * Whoever uses neither (Redis, no adapter) is not compared: of those the primary knows nothing.
 */
export class AdapterKinds {
  readonly #ways: Ways;
  readonly #said = new Set<string>();

  constructor(ways: Ways) {
    this.#ways = ways;
  }

  /** `worker` is ready, as `others` are. */
  compare(worker: WorkerHandle, others: Iterable<WorkerHandle>): void {
    const own = this.#waysOf(worker);
    if (own === "") return;
    for (const other of others) {
      const its = this.#waysOf(other);
      // What is the same in a reload of many workers is said once.
      const pair = `${own}, ${its}`;
      if (other === worker || its === "" || its === own || this.#said.has(pair)) continue;
      this.#said.add(pair);
      const text =
        `Worker ${worker.pid} talks to the others over ${own}, and worker ${other.pid} over ${its}: ` +
        "what one sends does not reach all clients of the other. Give all workers the same " +
        '"adapter"; if they have it, reload: one of them had no folder for connections when it started.';
      process.emitWarning(text, { code: "SUPERVISOR_ADAPTERS_DIFFER" });
    }
  }

  #waysOf(worker: WorkerHandle): string {
    const ways: string[] = [];
    if (this.#ways.mesh(worker)) ways.push("the mesh");
    if (this.#ways.ipc(worker)) ways.push("IPC");
    return ways.join(" and ");
  }
}
