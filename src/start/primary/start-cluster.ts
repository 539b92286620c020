import { basename } from "node:path";
import { SupervisorError, WorkerBootError } from "../../errors.js";
import { ClusterManager } from "../../primary/cluster-manager.js";
import { primaryParts } from "../../primary/composition.js";
import type { WorkerHandle } from "../../primary/workers/worker-handle.js";
import type { WorkerRegistry } from "../../primary/workers/worker-registry.js";
import type { ToPrimary } from "../../protocol/messages.js";
import type { StartSettings } from "./settings.js";
import { SharedPorts } from "./shared-ports.js";

/** How long workers may differ in the ports that they listen on: some listen late (ms). */
const AGREEMENT_TIMEOUT = 5_000;

/** What Node says of `import { fork } from "node:cluster"` in a worker. */
const IMPORTS_FORK = /node:cluster' does not provide an export named '?(fork|setupPrimary)/;

/** One unchanged server on several workers: a manager, and the ports that the workers ask for. */
export class StartedCluster {
  readonly manager: ClusterManager;
  readonly #file: string;
  readonly #registry: WorkerRegistry;
  readonly #ports: SharedPorts;
  readonly #onFiles: (files: string[]) => void;
  #refusal: string | undefined;

  /** @param onFiles called with what workers load, if the settings say that it is watched */
  constructor(settings: StartSettings, onFiles: (files: string[]) => void) {
    this.#file = basename(settings.file);
    this.#onFiles = onFiles;
    this.manager = new ClusterManager(settings.manager);
    const { options } = this.manager;
    this.#registry = primaryParts().registry;
    this.#registry.expectReadyBy("listen() on a port");
    this.#ports = new SharedPorts(this.#registry, {
      loadBalancingMethod: options.stickyLoadBalancingMethod,
      routing: options.routing,
    });
    this.#registry.on("message", this.#onMessage);
    this.manager.onStop(() => this.#close());
    this.manager.on("reload:done", () => this.#closeUnused());
  }

  /**
   * @returns the addresses that are listened on, when every worker is ready
   * @throws SupervisorError `ERR_SUPERVISOR_START` when the application cannot be shared;
   *   WorkerBootError and others as of `ClusterManager.start()`
   */
  async start(): Promise<string[]> {
    try {
      await this.manager.start();
    } catch (error) {
      throw this.#explain(error as Error);
    }
    const wrong = this.#ports.isEmpty
      ? `${this.#file} listens on no port, and a worker said that it is ready. A file that makes a ` +
        "ClusterManager, or calls setupWorker(), is run with node."
      : await this.#ports.disagreement(() => [...this.#registry.ready], AGREEMENT_TIMEOUT);
    if (wrong !== undefined) {
      await this.manager.stop();
      throw startError(wrong);
    }
    return this.#ports.describe();
  }

  readonly #onMessage = (_handle: WorkerHandle, message: ToPrimary): void => {
    if (message.type === "supervisor:files") this.#onFiles(message.files);
    if (message.type !== "supervisor:refused") return;
    this.#refusal = message.message;
    if (this.manager.status().phase !== "starting") return; // the old workers stay, and it is told
    this.manager.stop().catch((error: unknown) => {
      process.nextTick(() => {
        throw error;
      });
    });
  };

  #explain(error: Error): Error {
    if (this.#refusal !== undefined) return startError(this.#refusal);
    if (error instanceof WorkerBootError && IMPORTS_FORK.test(error.exit.stderr)) {
      return startError(
        `${this.#file} forks workers by itself (it imports from node:cluster): run it with node, ` +
          "or start the file that its workers run.",
      );
    }
    return error;
  }

  async #close(): Promise<void> {
    this.#registry.off("message", this.#onMessage);
    await this.#ports.close();
  }

  #closeUnused(): void {
    this.#ports.closeUnused().catch((error: Error) => {
      this.manager.options.logger.error(`[socket-supervisor] a port stays open: ${error.message}`);
    });
  }
}

function startError(message: string): SupervisorError {
  return new SupervisorError("ERR_SUPERVISOR_START", message);
}
