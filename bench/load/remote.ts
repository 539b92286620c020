import { type ChildProcess, fork } from "node:child_process";
import type { Ask } from "./generator.js";
import type { Target } from "./target.js";

export interface Mark {
  ops: number;
  errors: number;
  reasons: Record<string, number>;
  latencies: number[];
}

/** A generator, in a process of its own for each run: nothing is left over from the last one. */
export class Generator {
  readonly #child: ChildProcess = fork(new URL("generator.ts", import.meta.url), {
    serialization: "advanced",
  });

  /** Resolves when the load is under way. */
  async start(workload: string, target: Target): Promise<void> {
    await this.#ask({ ask: "start", workload, target });
  }

  /** What was done until now; latencies since the last mark. */
  mark(): Promise<Mark> {
    return this.#ask({ ask: "mark" });
  }

  async stop(): Promise<Record<string, number>> {
    const { facts } = await this.#ask<{ facts: Record<string, number> }>({ ask: "stop" });
    return facts;
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }

  #ask<T>(ask: Ask): Promise<T> {
    return new Promise((resolve, reject) => {
      const onMessage = (said: T & { failed?: string }): void => {
        this.#child.off("exit", onExit);
        if (said.failed === undefined) resolve(said);
        else reject(new Error(said.failed));
      };
      const onExit = (): void => reject(new Error("The load generator ended."));
      this.#child.once("message", onMessage).once("exit", onExit);
      this.#child.send(ask);
    });
  }
}
