import { randomBytes } from "node:crypto";
import type { Routing } from "../../options/options.js";
import { PROTOCOL } from "../../protocol/mesh-messages.js";
import type { WorkerHandle } from "./worker-handle.js";
import type { WorkerRegistry } from "./worker-registry.js";

/** What a worker is told of its surroundings, beside its own terms. */
export interface Surroundings {
  /** How workers whose terms do not say it take their connections. */
  routing(): Routing;
  /** Where its gateway listens; `null`: nowhere. */
  gatewayDir(): string | null;
}

/** Answers the hello of a worker with all that it has to know before it can serve. */
export class Greeting {
  readonly #surroundings: Surroundings;
  /** With the same ones, any worker resumes any TLS session. */
  readonly #ticketKeys = randomBytes(48);

  constructor(registry: Pick<WorkerRegistry, "on">, surroundings: Surroundings) {
    this.#surroundings = surroundings;
    registry.on("message", (handle, { type }) => {
      if (type === "supervisor:hello") this.#welcome(handle);
    });
  }

  #welcome(handle: WorkerHandle): void {
    const { routing, managed, hangTimeout, maxQueue } = handle.terms;
    handle.send({
      type: "supervisor:welcome",
      routing: routing ?? this.#surroundings.routing(),
      managed,
      gatewayDir: this.#surroundings.gatewayDir(),
      hangTimeout,
      ticketKeys: this.#ticketKeys,
      protocol: PROTOCOL,
      maxQueue,
    });
  }
}
