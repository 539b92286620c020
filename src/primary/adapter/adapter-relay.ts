import cluster from "node:cluster";
import { setupPrimary } from "@socket.io/cluster-adapter";
import { ADAPTER_CLOSE, ADAPTER_SOURCE, isAdapterMessage } from "../../protocol.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";

/**
 * Relays the messages of the workers' cluster adapters, and tells the survivors of a death.
 *
 * The relay is that of `@socket.io/cluster-adapter`. Left alone, adapters notice a missing peer
 * by its missing heartbeat, and every `fetchSockets()` until then stalls for 5 s. The primary
 * knows at once, so it says goodbye on the dead worker's behalf, for each adapter (one per
 * namespace) that was heard from (C2).
 */
export function startAdapterRelay(registry: WorkerRegistry): void {
  setupPrimary();
  /** uid of an adapter -> its namespace */
  const adapters = new Map<number, Map<string, string>>();

  cluster.on("message", (worker, message) => {
    if (!isAdapterMessage(message)) return;
    const ofWorker = adapters.get(worker.id) ?? new Map<string, string>();
    adapters.set(worker.id, ofWorker);
    if (message.type === ADAPTER_CLOSE) ofWorker.delete(message.uid);
    else ofWorker.set(message.uid, message.nsp);
  });

  registry.on("gone", (gone: WorkerHandle) => {
    for (const [uid, nsp] of adapters.get(gone.worker.id) ?? []) {
      const farewell = { source: ADAPTER_SOURCE, type: ADAPTER_CLOSE, uid, nsp };
      for (const handle of registry.all) handle.send(farewell);
    }
  });
  registry.on("exit", (handle) => adapters.delete(handle.worker.id));
}
