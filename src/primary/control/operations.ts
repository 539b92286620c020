import { defaultName } from "../../control-path.js";
import type { ResolvedManagerOptions } from "../../options.js";
import type { ReloadReport } from "../supervision/reloads.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import { ControlServer } from "./control-server.js";
import { Inspections } from "./inspections.js";
import { bindSignals } from "./signals.js";
import type { ClusterStatus } from "./status.js";

/** A manager, as far as it is operated from outside. */
interface Operated {
  status(): ClusterStatus;
  reload(): Promise<ReloadReport>;
  scale(count: number): Promise<void>;
  stop(): Promise<void>;
  on(event: "reload:start" | "reload:progress", listener: (detail: object) => void): unknown;
  off(event: "reload:start" | "reload:progress", listener: (detail: object) => void): unknown;
}

/** A pool, likewise. */
interface OperatedPool {
  /** In the order of `status()`. */
  handles(): readonly WorkerHandle[];
  /** A debugger that may have stopped it is gone. */
  released(handle: WorkerHandle): void;
}

/** What people and their tools ask of a running cluster: signals and the control socket. */
export class Operations {
  readonly #manager: Operated;
  readonly #options: ResolvedManagerOptions;
  readonly #inspections: Inspections;
  readonly #unbindSignals: () => void;
  #control: ControlServer | undefined;

  constructor(manager: Operated, options: ResolvedManagerOptions, pool: OperatedPool) {
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
  }

  /** For when the cluster is running. */
  async open(): Promise<void> {
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
          const events = ["reload:start", "reload:progress"] as const;
          for (const event of events) manager.on(event, tell);
          return () => {
            for (const event of events) manager.off(event, tell);
          };
        },
      },
      logger,
    );
    await this.#control.open(name ?? defaultName(process.cwd()));
  }

  close(): void {
    this.#control?.close();
    this.#unbindSignals();
  }
}
