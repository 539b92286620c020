import { setTimeout as sleep } from "node:timers/promises";
import { type ClientContext, LoadClient } from "./client.js";
import type { Connect } from "./dial.js";
import { countHttpAnswers } from "./http-answers.js";
import { LatencyRecorder } from "./latency.js";
import type { SentBroadcast } from "./ledger.js";
import type { LoadOptions } from "./options.js";
import { pinnedAgent } from "./pinned-agent.js";
import {
  type Counts,
  emptyCounts,
  type GeneratorResult,
  httpErrors,
  LATENCIES,
  type LatencyName,
  type Progress,
  type ServerAbilities,
} from "./result.js";
import { broadcastPlan, clientPlan } from "./schedule.js";
import { addTrees, total } from "./tally.js";
import { VitalsMeter } from "./vitals.js";

/** Where a swarm connects to, and from. */
export interface Route {
  /** This process's number among `options.processes`. */
  index: number;
  address: string;
  sources: readonly string[];
}

/** ms between two looks whether everything has come. */
const LOOK = 20;

/** Time in ms on the clock that all processes of a machine share. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The clients of one generator process. */
export class Swarm {
  readonly #options: LoadOptions;
  readonly #startsAt: number;
  readonly #clients: readonly LoadClient[];
  readonly #byIndex: ReadonlyMap<number, LoadClient>;
  readonly #counts: Counts = emptyCounts();
  readonly #latencies: Record<LatencyName, LatencyRecorder>;
  readonly #recent = new LatencyRecorder();
  readonly #vitals = new VitalsMeter();
  readonly #broadcasts: SentBroadcast[] = [];
  #timer: NodeJS.Timeout | undefined;
  #nextBroadcast = 0;
  #isInterrupted = false;
  #stoppedAt = Number.POSITIVE_INFINITY;

  constructor(
    options: LoadOptions,
    { index, address, sources }: Route,
    { connect, startsAt, server }: { connect: Connect; startsAt: number; server: ServerAbilities },
  ) {
    this.#options = options;
    this.#startsAt = startsAt;
    this.#latencies = Object.fromEntries(
      LATENCIES.map((name) => [name, new LatencyRecorder()]),
    ) as Record<LatencyName, LatencyRecorder>;
    const measuresFrom = options.ramp + options.warmUp;
    const context: ClientContext = {
      options,
      connect,
      counts: this.#counts,
      server,
      run: startsAt,
      payloads: { text: "x".repeat(options.payload), binary: Buffer.alloc(options.payload, "x") },
      elapsed: this.#elapsed,
      record: (what, ms, dueAt) => {
        // Everybody connects before the measurement begins.
        if (what !== "connect" && dueAt < measuresFrom) return;
        this.#latencies[what].record(ms);
        if (what === "echo") this.#recent.record(ms);
      },
      recordOutage: (ms) => this.#latencies.outage.record(ms),
    };
    const clients: LoadClient[] = [];
    for (let n = index; n < options.clients; n += options.processes) {
      const agent = pinnedAgent(options, address, sources[n % sources.length]);
      clients.push(new LoadClient(clientPlan(options, n), context, agent));
    }
    this.#clients = clients;
    this.#byIndex = new Map(clients.map((client) => [client.plan.index, client]));
  }

  start(): void {
    countHttpAnswers(() => this.#counts.http);
    for (const client of this.#clients) client.start();
    if (this.#options.broadcasts > 0) this.#scheduleBroadcast();
    const { ramp, warmUp } = this.#options;
    setTimeout(() => this.#vitals.reset(), ramp + warmUp - this.#elapsed()).unref();
  }

  progress(): Progress {
    const { handshakes, http } = this.#counts;
    const echo = this.#echoCounts();
    const progress = {
      pid: process.pid,
      connected: this.#clients.filter(({ isConnected }) => isConnected).length,
      sent: echo.sent,
      answered: echo.answered,
      errors: total(handshakes.failed) + httpErrors(http.sessions) + echo.wrong,
      recent: this.#recent.encode(),
    };
    this.#recent.reset();
    return progress;
  }

  /** Sends nothing more, and waits for answers. @returns the broadcasts that were sent */
  async stop(grace: number): Promise<readonly SentBroadcast[]> {
    this.#stoppedAt = this.#elapsed();
    this.#isInterrupted = grace === 0;
    clearTimeout(this.#timer);
    for (const client of this.#clients) client.stopSending();
    await until(grace, () => this.#echoCounts().inFlight === 0 && this.#isAccepted());
    return this.#broadcasts;
  }

  /** Waits for the broadcasts of all processes, and tells what became of everything. */
  async settle(broadcasts: readonly SentBroadcast[], grace: number): Promise<GeneratorResult> {
    const vitals = this.#vitals.read();
    const deliveries = () =>
      this.#clients.map(({ deliveries, plan }) => {
        const lostBefore = this.#isInterrupted ? this.#stoppedAt - this.#options.grace : Infinity;
        return deliveries.count(broadcasts, plan.room, lostBefore);
      });
    await until(grace, () => deliveries().every(({ lost, inFlight }) => lost + inFlight === 0));
    const counts = structuredClone(this.#counts);
    for (const client of this.#clients) {
      if (!this.#isInterrupted) client.echo.lose();
      client.tell(counts);
    }
    counts.echo = this.#echoCounts();
    const { broadcast } = counts;
    broadcast.sent = this.#broadcasts.length;
    broadcast.accepted = this.#broadcasts.filter(({ accepted }) => accepted).length;
    broadcast[this.#isInterrupted ? "inFlight" : "lost"] = broadcast.sent - broadcast.accepted;
    for (const delivery of deliveries()) {
      broadcast.deliveries = addTrees(broadcast.deliveries, delivery);
    }
    const latencies = Object.fromEntries(
      LATENCIES.map((name) => [name, this.#latencies[name].encode()]),
    ) as Record<LatencyName, string>;
    return { counts, latencies, vitals };
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  readonly #elapsed = (): number => monotonic() - this.#startsAt;

  #scheduleBroadcast(): void {
    const { at } = broadcastPlan(this.#options, this.#nextBroadcast);
    this.#timer = setTimeout(() => {
      const now = this.#elapsed();
      for (;;) {
        const { at, sender } = broadcastPlan(this.#options, this.#nextBroadcast);
        if (at > now) break;
        this.#broadcast(this.#nextBroadcast++, at, sender);
      }
      this.#scheduleBroadcast();
    }, at - this.#elapsed());
  }

  #broadcast(n: number, dueAt: number, sender: number): void {
    const client = this.#byIndex.get(sender);
    if (!client) return; // another process's
    const sent = { n, room: client.plan.room, sentAt: this.#elapsed(), accepted: false };
    const accepted = () => {
      sent.accepted = true;
    };
    if (client.broadcast(n, dueAt, accepted)) this.#broadcasts.push(sent);
  }

  #isAccepted(): boolean {
    return this.#broadcasts.every(({ accepted }) => accepted);
  }

  #echoCounts(): Counts["echo"] {
    return this.#clients.reduce(
      (sum, { echo }) => addTrees(sum, echo.counts()),
      emptyCounts().echo,
    );
  }
}

async function until(limit: number, isTrue: () => boolean): Promise<void> {
  const end = performance.now() + limit;
  for (;;) {
    const before = performance.now();
    if (before >= end || isTrue()) return;
    // With many clients a look takes long; most of the time is for what comes in.
    await sleep(Math.max(LOOK, 5 * (performance.now() - before)));
  }
}
