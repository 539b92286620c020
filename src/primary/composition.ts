import cluster from "node:cluster";
import { SupervisorError } from "../errors.js";
import { ClientAffinity } from "../policy/affinity.js";
import { outliveReaders } from "../system/std-streams.js";
import { AdapterKinds } from "./adapter/adapter-kinds.js";
import { startAdapterRelay } from "./adapter/adapter-relay.js";
import { Gateways } from "./gateways.js";
import { Leases } from "./jobs/leases.js";
import { Membership } from "./mesh/membership.js";
import { Listeners } from "./routing/listeners.js";
import { WorkerLines } from "./routing/worker-lines.js";
import { Placement } from "./sessions/placement.js";
import { SessionDirectory } from "./sessions/session-directory.js";
import { SessionTable } from "./sessions/session-table.js";
import { SessionWaiters } from "./upstream/session-waiters.js";
import { WorkerProbe } from "./upstream/worker-probe.js";
import { Greeting } from "./workers/greeting.js";
import type { WorkerHandle } from "./workers/worker-handle.js";
import { WorkerRegistry } from "./workers/worker-registry.js";

/** What a primary has once, whatever its servers and managers are, as far as these use it. */
export interface PrimaryParts {
  readonly registry: WorkerRegistry;
  readonly sessions: SessionTable<WorkerHandle>;
  readonly placement: Placement;
  readonly affinity: ClientAffinity<WorkerHandle>;
  readonly waiters: SessionWaiters;
  readonly lines: WorkerLines;
  readonly listeners: Listeners;
  readonly leases: Leases;
  readonly gateways: Gateways;
  readonly probe: WorkerProbe;
}

/**
 * Makes the parts of a primary. Each listens to the registry for the messages that are its own; none
 * knows of another one but of those that it is given here. They hear in the order in which they are
 * made: a worker that is gone has left the mesh before anybody hears who owned its sessions.
 */
export function composePrimary(registry: WorkerRegistry): PrimaryParts {
  const sessions = new SessionTable<WorkerHandle>();
  const placement = new Placement(sessions);
  const affinity = new ClientAffinity<WorkerHandle>();
  const waiters = new SessionWaiters();
  const relay = startAdapterRelay(registry);
  const lines = new WorkerLines(registry);
  const mesh = new Membership(registry);
  const kinds = new AdapterKinds({ mesh: (w) => mesh.has(w), ipc: (w) => relay.has(w) });
  registry.on("ready", (handle) => kinds.compare(handle, registry.ready));
  const leases = new Leases(registry);
  new SessionDirectory(registry, { sessions, placement, affinity, waiters });
  const listeners = new Listeners(registry);
  const gateways = new Gateways(registry, () => listeners.routing, mesh);
  new Greeting(registry, {
    routing: () => listeners.routing,
    gatewayDir: () => gateways.path(),
  });
  const probe = new WorkerProbe(registry);
  return {
    registry,
    sessions,
    placement,
    affinity,
    waiters,
    lines,
    listeners,
    leases,
    gateways,
    probe,
  };
}

let parts: PrimaryParts | undefined;

/**
 * The parts of this process; the manager and every sticky balancer share them.
 *
 * @throws SupervisorError `ERR_SUPERVISOR_NOT_PRIMARY` in a worker;
 *   `ERR_SUPERVISOR_SERIALIZATION` when workers were forked before, with another serialization
 */
export function primaryParts(): PrimaryParts {
  if (parts !== undefined) return parts;
  outliveReaders();
  if (cluster.isWorker) {
    throw new SupervisorError(
      "ERR_SUPERVISOR_NOT_PRIMARY",
      "This belongs into the primary process; guard it with manager.isPrimary().",
    );
  }
  useAdvancedSerialization();
  const made = composePrimary(new WorkerRegistry());
  process.once("exit", () => made.gateways.close());
  parts = made;
  return made;
}

/** Binary payloads and the bytes of a hand-off do not survive JSON. */
function useAdvancedSerialization(): void {
  if (cluster.settings.serialization === "advanced") return;
  if (Object.values(cluster.workers ?? {}).some((worker) => worker?.isDead() === false)) {
    throw new SupervisorError(
      "ERR_SUPERVISOR_SERIALIZATION",
      "Call setupStickyMaster() (or make the ClusterManager) before the first cluster.fork(), " +
        'or fork with cluster.setupPrimary({ serialization: "advanced" }).',
    );
  }
  cluster.setupPrimary({ serialization: "advanced" });
}
