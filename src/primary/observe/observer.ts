import type { ResolvedManagerOptions } from "../../options/options.js";
import { defaultName } from "../../system/control-path.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";
import type { Observed, ObservedPool } from "./journal.js";

/** What the option `statusPort` opens; see status-server.ts. */
export class Observer {
  #close: () => void = () => {};
  #isClosed = false;

  /** Loads what it needs only when somebody wants to look. */
  async open(
    {
      manager,
      pool,
      registry,
    }: { manager: Observed; pool: ObservedPool; registry: WorkerRegistry },
    port: number,
    options: ResolvedManagerOptions,
  ): Promise<void> {
    const { Journal } = await import("./journal.js");
    const { Metrics } = await import("./metrics.js");
    const { AppMetrics } = await import("./app-metrics.js");
    const { StatusServer } = await import("./status-server.js");
    if (this.#isClosed) return;
    const { statusHost: host, statusToken: token, logger } = options;
    const name = options.name ?? defaultName(process.cwd());
    const journal = new Journal(manager, registry, pool);
    const app = new AppMetrics(registry);
    const server = new StatusServer(
      { port, host, token, name },
      journal,
      new Metrics(journal, app),
      logger,
    );
    this.#close = () => {
      server.close();
      app.close();
      journal.close();
    };
    await server.open();
  }

  close(): void {
    this.#isClosed = true;
    this.#close();
  }
}
