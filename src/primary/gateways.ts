import type { Routing } from "../options/options.js";
import { GatewayDir, gatewayParents } from "./gateway-dir.js";
import type { WorkerHandle } from "./workers/worker-handle.js";
import type { WorkerRegistry } from "./workers/worker-registry.js";

/** ms between two looks at whether the directory and its sockets are still there. */
const INTERVAL = 1_000;

/** Where workers listen for each other; `undefined`: this one does not. */
interface Addresses {
  addressOf(worker: WorkerHandle): string | undefined;
}

/**
 * Where the workers' gateways listen.
 *
 * Temporary folders fill up, are cleaned by others, or cannot be written at all. The service goes on
 * meanwhile: without a gateway a worker answers what comes to it, and cannot be forwarded to. As soon
 * as some folder can be used (again), the workers are told to listen there.
 */
export class Gateways {
  readonly #registry: WorkerRegistry;
  readonly #routing: () => Routing;
  readonly #parents: () => string[];
  readonly #mesh: Addresses | undefined;
  #dir: GatewayDir | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastWarning: string | undefined;

  constructor(
    registry: WorkerRegistry,
    routing: () => Routing,
    mesh?: Addresses,
    parents = gatewayParents,
  ) {
    this.#registry = registry;
    this.#mesh = mesh;
    this.#routing = routing;
    this.#parents = parents;
    registry.on("gone", ({ gateway }) => gateway !== null && this.#tellGone(gateway));
    registry.on("exit", ({ pid }) => pid !== undefined && this.#dir?.removeSocketsOf(pid));
    registry.on("message", (handle, message) => {
      if (message.type === "supervisor:gateway") this.#onGateway(handle, message.gateway);
    });
  }

  /** The directory, made when there is none; `null`: none can be made at present. */
  path(): string | null {
    if (this.#routing() === "upstream") return null; // forwards nothing
    this.#timer ??= setInterval(() => this.#look(), INTERVAL).unref();
    if (this.#dir?.isIntact !== true) this.#dir = this.#make();
    return this.#dir?.path ?? null;
  }

  /** Leaves nothing behind; for when no worker is left. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#dir?.remove();
    this.#dir = undefined;
  }

  #make(): GatewayDir | undefined {
    const unusable: string[] = [];
    let dir: GatewayDir | undefined;
    try {
      dir = GatewayDir.make(this.#parents(), (parent, why) => unusable.push(`${parent}: ${why}`));
    } catch (error) {
      unusable.unshift((error as Error).message);
    }
    const [why] = unusable;
    if (why !== this.#lastWarning) this.#warn(dir, why);
    this.#lastWarning = why;
    return dir;
  }

  #warn(dir: GatewayDir | undefined, why: string | undefined): void {
    const now =
      dir === undefined
        ? "Until one can be used, requests of a session that reach another worker fail"
        : `The workers' gateways are in ${dir.path}`;
    process.emitWarning(why === undefined ? now : `${why}. ${now}`, {
      code: "SUPERVISOR_GATEWAY_DIR",
    });
  }

  #look(): void {
    const dir = this.path();
    if (dir === null) return;
    for (const handle of this.#registry.all) {
      // A hung one would only be sent the same again and again.
      if (!handle.isOurs || (handle.state !== "ready" && handle.state !== "draining")) continue;
      const { gateway } = handle;
      const address = this.#mesh?.addressOf(handle);
      const isThere =
        gateway !== null &&
        this.#dir?.has(gateway) === true &&
        (address === undefined || this.#dir.has(address));
      if (!isThere) handle.send({ type: "supervisor:listen", dir });
    }
  }

  #onGateway(handle: WorkerHandle, gateway: string | null): void {
    const before = handle.gateway;
    handle.movedGateway(gateway);
    if (before !== null && before !== gateway) this.#tellGone(before);
  }

  /** Nobody answers at `gateway` any more. */
  #tellGone(gateway: string): void {
    for (const handle of this.#registry.members())
      handle.send({ type: "supervisor:peer-gone", gateway });
  }
}
