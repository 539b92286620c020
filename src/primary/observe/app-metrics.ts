import { AggregatorRegistry } from "prom-client";
import type { ToPrimary } from "../../protocol/messages.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";

/** How long workers may take to tell their metrics (ms). */
const TIMEOUT = 2_000;

/** Names that are this package's own. */
const OWN = /^socket_supervisor_/;

type Answer = Extract<ToPrimary, { type: "supervisor:metrics" }>["metrics"];

interface Round {
  readonly waiting: Set<WorkerHandle>;
  readonly answers: object[][];
  missing: number;
  readonly done: () => void;
}

/**
 * What the application measures with prom-client in its workers, as one: counters and histograms are
 * summed, gauges as their `aggregator` says. prom-client's own `AggregatorRegistry` asks over IPC by
 * itself and fails as a whole when one worker is late; its arithmetic is used, not its messages.
 */
export class AppMetrics {
  readonly #registry: WorkerRegistry;
  readonly #rounds = new Map<number, Round>();
  #lastId = 0;
  #current: Promise<{ text: string; missing: number }> | undefined;

  constructor(registry: WorkerRegistry) {
    this.#registry = registry;
    registry.on("message", this.#onMessage);
    registry.on("gone", this.#onGone);
  }

  /** One round at a time, however many ask. @returns `missing`: workers that are not in it */
  collect(): Promise<{ text: string; missing: number }> {
    this.#current ??= this.#collect().finally(() => {
      this.#current = undefined;
    });
    return this.#current;
  }

  close(): void {
    this.#registry.off("message", this.#onMessage);
    this.#registry.off("gone", this.#onGone);
    for (const { done } of this.#rounds.values()) done();
  }

  async #collect(): Promise<{ text: string; missing: number }> {
    const asked = [...this.#registry.all].filter(
      ({ isOurs, state }) => isOurs && (state === "ready" || state === "draining"),
    );
    if (asked.length === 0) return { text: "", missing: 0 };
    const id = ++this.#lastId;
    const { answers, missing } = await new Promise<Round>((resolve) => {
      const timer = setTimeout(() => round.done(), TIMEOUT);
      const round: Round = {
        waiting: new Set(asked),
        answers: [],
        missing: 0,
        done: () => {
          clearTimeout(timer);
          this.#rounds.delete(id);
          resolve(round);
        },
      };
      this.#rounds.set(id, round);
      for (const handle of asked) handle.send({ type: "supervisor:collect", id });
    }).then((round) => ({ ...round, missing: round.missing + round.waiting.size }));
    const theirs = answers.map((metrics) =>
      metrics.filter((metric) => !OWN.test(String((metric as { name?: unknown }).name))),
    );
    if (theirs.every((metrics) => metrics.length === 0)) return { text: "", missing };
    return { text: await AggregatorRegistry.aggregate(theirs).metrics(), missing };
  }

  readonly #onMessage = (handle: WorkerHandle, message: ToPrimary): void => {
    if (message.type === "supervisor:metrics") this.#settle(message.id, handle, message.metrics);
  };

  readonly #onGone = (handle: WorkerHandle): void => {
    for (const id of this.#rounds.keys()) this.#settle(id, handle, null);
  };

  #settle(id: number, handle: WorkerHandle, metrics: Answer): void {
    const round = this.#rounds.get(id);
    if (round === undefined || !round.waiting.delete(handle)) return;
    if (metrics === null) round.missing++;
    else round.answers.push(metrics);
    if (round.waiting.size === 0) round.done();
  }
}
