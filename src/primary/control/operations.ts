import type { Manager } from "../../manager-contract.js";
import { errorText } from "../../options/checks.js";
import type { ResolvedManagerOptions } from "../../options/options.js";
import { defaultName } from "../../system/control-path.js";
import type { ObservedPool } from "../observe/journal.js";
import { type LivingPool, logLifecycle } from "../observe/lifecycle-log.js";
import { Observer } from "../observe/observer.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";
import { ControlServer } from "./control-server.js";
import { Inspections } from "./inspections.js";
import { bindSignals } from "./signals.js";

/** A pool, as far as it is operated from outside. */
type OperatedPool = LivingPool &
  ObservedPool & {
    /** In the order of `status()`. */
    handles(): readonly WorkerHandle[];
    /** A debugger that may have stopped it is gone. */
    released(handle: WorkerHandle): void;
  };

/** What people and their tools ask of a running cluster: signals and the control socket. */
export class Operations {
  readonly #manager: Manager;
  readonly #options: ResolvedManagerOptions;
  readonly #inspections: Inspections;
  readonly #unbindSignals: () => void;
  readonly #observer = new Observer();
  readonly #observing: Promise<void>;
  #control: ControlServer | undefined;

  constructor(
    manager: Manager,
    options: ResolvedManagerOptions,
    pool: OperatedPool,
    registry: WorkerRegistry,
  ) {
    this.#manager = manager;
    this.#options = options;
    const workers = () => pool.handles();
    this.#inspections = new Inspections(workers, (handle) => pool.released(handle));
    this.#unbindSignals = bindSignals(options.logger, {
      stop: () => manager.stop(),
      kill: () => {
        for (const worker of workers()) worker.signal("SIGKILL");
      },
      reload: () => manager.reload(),
      scaleBy: async (step) => manager.scale(manager.status().count + step),
    });
    logLifecycle(pool, manager, options.logger);
    // At once: a monitor asks during the start, too.
    const { statusPort } = options;
    this.#observing =
      statusPort === undefined
        ? Promise.resolve()
        : this.#observer
            .open({ manager, pool, registry }, statusPort, options)
            .catch((error: unknown) => {
              options.logger.error(`[socket-supervisor] no status port: ${errorText(error)}`);
            });
  }

  /** For when the cluster is running. */
  async open(): Promise<void> {
    await this.#observing;
    const { control, logger, name } = this.#options;
    if (!control) return;
    const manager = this.#manager;
    this.#control = new ControlServer(
      {
        status: () => manager.status(),
        reload: () => manager.reload(),
        scale: (count) => manager.scale(count),
        inspect: (worker) => this.#inspections.open(worker),
        closeInspector: (worker) => this.#inspections.close(worker),
        // As a signal does it: with its log line, its exit code, and a second one that does not wait.
        shutDown: () => process.kill(process.pid, "SIGTERM"),
        followReload: (tell) => {
          manager.on("reload:start", tell);
          manager.on("reload:progress", tell);
          return () => {
            manager.off("reload:start", tell);
            manager.off("reload:progress", tell);
          };
        },
      },
      logger,
    );
    await this.#control.open(name ?? defaultName(process.cwd()));
  }

  close(): void {
    this.#control?.close();
    this.#observer.close();
    this.#unbindSignals();
  }
}
