import { SupervisorError } from "../../errors.js";
import { MAX_QUEUE } from "../../limits.js";
import { type PeerQueue, PROTOCOL, type RecoveryVitals } from "../../protocol/mesh-messages.js";
import type { Welcome } from "../../protocol/messages.js";
import { Mesh, type MeshStats } from "../mesh/mesh.js";
import { UnixWire } from "../mesh/wire.js";
import type { PrimaryChannel } from "../primary-channel.js";
import { MeshTransport } from "./mesh-transport.js";

/** The way into the mesh: this worker has entered, and may not have heard of all others yet. */
export interface MeshDoor {
  readonly transport: MeshTransport;
  /** Resolves when this worker and all others know each other. */
  ready(): Promise<void>;
}

let door: Promise<MeshDoor | undefined> | undefined;
let stats: () => MeshStats | undefined = () => undefined;
let queues: () => PeerQueue[] = () => [];

let recovery: () => RecoveryVitals | undefined = () => undefined;

/** What recovery has done in this worker; `undefined`: no server here has it on. */
export function recoveryStats(): RecoveryVitals | undefined {
  return recovery();
}

/** Counters of this worker's mesh; `undefined`: it has none. */
export function meshStats(): MeshStats | undefined {
  return stats();
}

/** What waits in this worker for others. */
export function meshQueues(): PeerQueue[] {
  return queues();
}

/** The same for all servers of this process; see `enterMesh()`. */
export function meshDoor(channel: PrimaryChannel, welcome: Welcome): Promise<MeshDoor | undefined> {
  door ??= enterMesh(channel, welcome);
  return door;
}

/**
 * @returns `undefined` when the primary is of an earlier version, or there is no folder: the messages
 *   have to go through the primary, as those of the other workers do (M6)
 * @throws SupervisorError `ERR_SUPERVISOR_PROTOCOL` when it is of a later one
 */
export async function enterMesh(
  channel: PrimaryChannel,
  welcome: Welcome,
): Promise<MeshDoor | undefined> {
  if (welcome.protocol === undefined) {
    process.emitWarning(
      "The primary runs an earlier version of socket-supervisor, so messages between workers go " +
        "through it. Restart the cluster for workers to talk to each other directly.",
      { code: "SUPERVISOR_PROTOCOL" },
    );
    return undefined;
  }
  if (welcome.protocol !== PROTOCOL) {
    throw new SupervisorError(
      "ERR_SUPERVISOR_PROTOCOL",
      `This worker speaks protocol ${PROTOCOL}, and its primary ${welcome.protocol}: they run ` +
        "different versions of socket-supervisor. A reload cannot mix them: restart the cluster.",
    );
  }
  const { gatewayDir } = welcome;
  if (gatewayDir === null) {
    // With @socket.io/sticky in the primary there never is one, in no worker.
    if (welcome.routing !== "upstream") {
      process.emitWarning(
        "There is no folder for connections between workers, so this one's messages go through " +
          "the primary. Those of workers that found one do not: reload when it can be used again.",
        { code: "SUPERVISOR_NO_MESH" },
      );
    }
    return undefined;
  }
  const wire = new UnixWire(gatewayDir);
  let mesh: Mesh | undefined;
  const transport = new MeshTransport((listener) => {
    mesh = new Mesh(wire, PROTOCOL, welcome.maxQueue ?? MAX_QUEUE, {
      ...listener,
      onStuck: (id, why) => channel.send({ type: "supervisor:mesh-stuck", id, why }),
    });
    return mesh;
  });
  const entered = mesh as Mesh;
  // Handled as they come, and in order: whoever enters right after this worker is not missed.
  channel.on("supervisor:mesh-joined", (member) => entered.joined(member));
  channel.on("supervisor:mesh-gone", ({ id }) => {
    if (transport.recovers) whenRead(entered, id, () => entered.gone(id));
    else entered.gone(id);
  });
  // Where it listened is gone; connections that there are stay.
  channel.on("supervisor:listen", ({ dir }) => {
    wire.dir = dir;
    listenAndTell(entered, channel).catch((error: Error) => process.emitWarning(error));
  });
  const answered = new Promise<void>((resolve) => {
    channel.once("supervisor:mesh", (entrance) => {
      transport.id = entrance.id;
      entered.enter(entrance);
      resolve();
    });
  });
  await listenAndTell(entered, channel);
  await answered;
  process.once("exit", () => entered.flush());
  stats = () => entered.stats;
  recovery = () => transport.recoveryStats;
  queues = () => entered.queues;
  return { transport, ready: () => entered.ready() };
}

/** ms that the rest of what a dead worker has sent may take to be read. */
const READ_OUT = 90;

/** ms between two looks at it. */
const LOOK = 2;

/**
 * The primary's word of a death may be faster than what the dead worker has written before it: that
 * is read first, up to its end, since nobody else may have it.
 */
function whenRead(mesh: Mesh, id: number, done: () => void): void {
  const end = performance.now() + READ_OUT;
  const look = (): void => {
    const isRead = mesh.peers.get(id)?.lanes.data.isAttached !== true;
    if (isRead || performance.now() > end) done();
    else setTimeout(() => setImmediate(look), LOOK);
  };
  look();
}

/** Never rejects: a worker that cannot listen reaches those who can all the same, and says so. */
async function listenAndTell(mesh: Mesh, channel: PrimaryChannel): Promise<void> {
  let address = "";
  try {
    address = await mesh.listen();
  } catch (error) {
    process.emitWarning(
      `Other workers cannot reach this one, which connects to them: ${(error as Error).message}`,
      {
        code: "SUPERVISOR_GATEWAY",
      },
    );
  }
  channel.send({ type: "supervisor:mesh-enter", address });
}
