import cluster from "node:cluster";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";

/** ms between two probes of one worker. */
const INTERVAL = 100;

/** Prefix of the connection ids of probes; workers answer with the id they were given. */
const PROBE = "supervisor-probe-";

/**
 * Finds out when a worker that runs `setupWorker()` of `@socket.io/sticky` can take connections.
 *
 * Such a worker never says so, and one that gets connections while it is still loading would
 * keep clients waiting (R5). But it answers on a connection that is carried over IPC: so it is
 * given one that sends a line which no HTTP server accepts. Node's answer to that, without any
 * of the application's handlers being called, proves that adoption and HTTP server work.
 *
 * Workers with our own setupWorker() say hello before the first probe, or ignore it.
 */
export class WorkerProbe {
  readonly #registry: WorkerRegistry;
  #isOn = false;

  constructor(registry: WorkerRegistry) {
    this.#registry = registry;
  }

  /** For workers that are forked from now on; a server is there that wants to know. */
  start(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    const registry = this.#registry;
    registry.on("forked", (handle) => {
      const timer = setInterval(() => {
        if (isKnown(handle)) clearInterval(timer);
        else probe(handle);
      }, INTERVAL).unref();
    });
    cluster.on("message", (worker, message: unknown) => {
      const { type, connectionId } = (message ?? {}) as { type?: unknown; connectionId?: unknown };
      if (typeof type !== "string" || !type.startsWith("sticky:http-response")) return;
      if (typeof connectionId !== "string" || !connectionId.startsWith(PROBE)) return;
      registry.adopted(registry.register(worker));
    });
  }
}

/** Whether nothing more is to be found out about it. */
function isKnown({ isOurs, adopts, state, terms }: WorkerHandle): boolean {
  if (isOurs || adopts || state === "dead") return true;
  return state !== "starting" && !terms.requiresAdoption;
}

function probe(handle: WorkerHandle): void {
  handle.send({
    type: "sticky:http-chunk-start",
    data: Buffer.from("?\r\n\r\n"),
    connectionId: PROBE + handle.worker.id,
    socketInfo: {
      remoteAddress: "127.0.0.1",
      remotePort: 0,
      localAddress: "127.0.0.1",
      localPort: 0,
    },
  });
}
