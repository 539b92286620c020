import cluster from "node:cluster";
import { adapterMessages } from "../../diagnostics.js";
import {
  ADAPTER_SOURCE,
  type AdapterMessage,
  AdapterType,
  isAdapterMessage,
  isResponse,
} from "../../protocol/adapter-messages.js";
import { Outgoing } from "../../system/send-queue.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";

/**
 * Relays the messages of adapters that talk through the primary (`adapter: "ipc"`), and tells the
 * survivors of a death.
 *
 * - An answer goes to the worker that has asked, everything else to all others.
 * - A worker gets nothing before its first adapter has spoken: it has no clients, and while it
 *   loads it reads nothing.
 * - Left alone, adapters notice a missing peer by its missing heartbeat, and every `fetchSockets()`
 *   until then stalls for 5 s. The primary knows at once, so it says goodbye on the dead worker's
 *   behalf, for each adapter (one per namespace) that was heard from (C2).
 */
export class AdapterRelay {
  /** Of each worker: uid of an adapter -> its namespace. */
  readonly #adapters = new Map<WorkerHandle, Map<string, string>>();
  /** uid of an adapter -> its worker */
  readonly #workers = new Map<string, WorkerHandle>();

  /** `from` has sent `message`, whatever it is. */
  take(from: WorkerHandle, message: unknown): void {
    if (!isAdapterMessage(message) || from.state === "dead") return;
    this.#note(from, message);
    const outgoing = new Outgoing(message);
    if (isResponse(message)) {
      const requester = this.#workers.get(message.requesterUid ?? "");
      // One that is gone asks no more.
      if (requester !== undefined && requester !== from) relay(requester, message, outgoing);
      return;
    }
    for (const handle of this.#adapters.keys())
      if (handle !== from) relay(handle, message, outgoing);
  }

  /** Whether adapters of `worker` talk to others this way. */
  has(worker: WorkerHandle): boolean {
    return (this.#adapters.get(worker)?.size ?? 0) > 0;
  }

  gone(worker: WorkerHandle): void {
    const adapters = this.#adapters.get(worker);
    this.#adapters.delete(worker);
    for (const [uid, nsp] of adapters ?? []) {
      this.#workers.delete(uid);
      const farewell = { source: ADAPTER_SOURCE, type: AdapterType.ADAPTER_CLOSE, uid, nsp };
      for (const handle of this.#adapters.keys()) handle.send(farewell);
    }
  }

  #note(from: WorkerHandle, { type, uid, nsp }: AdapterMessage): void {
    const adapters = this.#adapters.get(from) ?? new Map<string, string>();
    this.#adapters.set(from, adapters);
    if (type === AdapterType.ADAPTER_CLOSE) {
      adapters.delete(uid);
      this.#workers.delete(uid);
    } else {
      adapters.set(uid, nsp);
      this.#workers.set(uid, from);
    }
  }
}

function relay(to: WorkerHandle, message: AdapterMessage, outgoing: Outgoing): void {
  to.send(message, outgoing);
  if (adapterMessages.isHeard) adapterMessages.tell({ way: "ipc", nsp: message.nsp, to: to.pid });
}

export function startAdapterRelay(registry: WorkerRegistry): AdapterRelay {
  const relay = new AdapterRelay();
  cluster.on("message", (worker, message) => relay.take(registry.register(worker), message));
  registry.on("gone", (handle) => relay.gone(handle));
  return relay;
}
