import { setTimeout as sleep } from "node:timers/promises";
import type { Connect } from "../dial.js";
import { countHttpAnswers } from "../http-answers.js";
import { LatencyRecorder } from "../latency.js";
import type { SentBroadcast } from "../ledger.js";
import { type LoadOptions, TRANSPORTS, type Transport } from "../options.js";
import { pinnedAgent } from "../pinned-agent.js";
import {
  emptyCounts,
  type GeneratorResult,
  LATENCIES,
  type LatencyName,
  type Progress,
} from "../result.js";
import { random } from "../schedule.js";
import { monotonic, type Route } from "../swarm.js";
import { count, total } from "../tally.js";
import { VitalsMeter } from "../vitals.js";
import { scenarioOf } from "./arrivals.js";
import type { LoadedScript } from "./file.js";
import { play } from "./flow.js";
import { Measures } from "./measures.js";
import { fill } from "./template.js";
import type { Row } from "./types.js";
import { User, type UserContext, UserFailure } from "./user.js";

/** ms between two looks whether everybody is done. */
const LOOK = 20;

/** The users of one generator process, as a script has them. */
export class ScriptSwarm {
  readonly #options: LoadOptions;
  readonly #route: Route;
  readonly #script: LoadedScript;
  readonly #context: UserContext;
  readonly #startsAt: number;
  readonly #counts = emptyCounts();
  readonly #users = { arrived: 0, done: 0, failed: {}, skipped: 0, unfinished: 0 };
  readonly #measures = new Measures();
  readonly #latencies = Object.fromEntries(
    LATENCIES.map((name) => [name, new LatencyRecorder()]),
  ) as Record<LatencyName, LatencyRecorder>;
  readonly #recent = new LatencyRecorder();
  readonly #vitals = new VitalsMeter();
  readonly #active = new Set<User>();
  #sent = 0;
  #answered = 0;
  #next: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    options: LoadOptions,
    route: Route,
    { connect, startsAt, script }: { connect: Connect; startsAt: number; script: LoadedScript },
  ) {
    this.#options = options;
    this.#route = route;
    this.#script = script;
    this.#startsAt = startsAt;
    this.#next = route.index;
    this.#context = {
      options,
      connect,
      counts: this.#counts,
      timeout: script.timeout,
      elapsed: this.#elapsed,
      record: (name, ms) => {
        this.#answered++;
        this.#measures.record(name, ms);
        this.#recent.record(ms);
      },
      recordConnect: (ms) => this.#latencies.connect.record(ms),
      recordOutage: (ms) => this.#latencies.outage.record(ms),
      sent: () => {
        this.#sent++;
      },
    };
  }

  start(): void {
    countHttpAnswers(() => this.#counts.http);
    this.#vitals.reset();
    this.#schedule();
  }

  progress(): Progress {
    const progress = {
      pid: process.pid,
      connected: [...this.#active].filter(({ isConnected }) => isConnected).length,
      sent: this.#sent,
      answered: this.#answered,
      errors: total(this.#counts.handshakes.failed) + total(this.#users.failed),
      recent: this.#recent.encode(),
    };
    this.#recent.reset();
    return progress;
  }

  /** Nobody comes any more; those that are there have time to finish. */
  async stop(grace: number): Promise<readonly SentBroadcast[]> {
    clearTimeout(this.#timer);
    const end = performance.now() + grace;
    while (this.#active.size > 0 && performance.now() < end) await sleep(LOOK);
    return [];
  }

  async settle(): Promise<GeneratorResult> {
    const vitals = this.#vitals.read();
    this.#users.unfinished = this.#active.size;
    for (const user of [...this.#active]) this.#leave(user);
    const { clients } = this.#counts;
    clients.never = this.#users.arrived - this.#users.skipped - clients.connected;
    const latencies = Object.fromEntries(
      LATENCIES.map((name) => [name, this.#latencies[name].encode()]),
    ) as Record<LatencyName, string>;
    const script = { users: this.#users, measures: this.#measures.encode() };
    return { counts: this.#counts, latencies, vitals, script };
  }

  close(): void {
    for (const user of this.#active) user.close();
  }

  readonly #elapsed = (): number => monotonic() - this.#startsAt;

  #schedule(): void {
    const { arrivals } = this.#script;
    if (this.#next >= arrivals.count) return;
    this.#timer = setTimeout(() => {
      const now = this.#elapsed();
      for (; this.#next < arrivals.count; this.#next += this.#options.processes) {
        const dueAt = arrivals.at(this.#next);
        if (dueAt > now) break;
        this.#latencies.lag.record(now - dueAt);
        this.#arrive(this.#next, dueAt);
      }
      this.#schedule();
    }, arrivals.at(this.#next) - this.#elapsed());
  }

  #arrive(number: number, arrivesAt: number): void {
    const { maxUsers, scenarios } = this.#script;
    const { seed, processes, url } = this.#options;
    this.#users.arrived++;
    if (this.#active.size >= Math.ceil(maxUsers / processes)) {
      this.#users.skipped++;
      return;
    }
    const scenario = scenarios[scenarioOf(scenarios, seed, number)];
    if (scenario === undefined) return;
    const data = this.#rowOf(number);
    const variables = new Map<string, unknown>([...Object.entries(data), ["user", number]]);
    const { namespace } = scenario;
    const auth = fill(scenario.auth, variables) as Record<string, unknown> | undefined;
    const { address, sources } = this.#route;
    const agent = pinnedAgent({ ...this.#options, url }, address, sources[number % sources.length]);
    const plan = { number, arrivesAt, transport: this.#transportOf(number), data, namespace, auth };
    const user = new User(plan, this.#context, agent);
    this.#active.add(user);
    user
      .connected()
      .then(() => play(scenario.flow, user))
      .then(
        () => this.#finished(user),
        (error: unknown) => this.#finished(user, error),
      );
  }

  #finished(user: User, error?: unknown): void {
    if (!this.#active.has(user)) return; // the test has ended meanwhile
    if (error === undefined) this.#users.done++;
    else count(this.#users.failed, reasonOf(error));
    this.#leave(user);
  }

  #leave(user: User): void {
    this.#active.delete(user);
    const { clients } = this.#counts;
    if (user.wasConnected) clients.connected++;
    if (user.wasConnected && !user.isConnected) clients.without++;
    const isUpgraded = user.isConnected && user.socket.io.engine.transport.name === "websocket";
    if (isUpgraded && this.#transportOf(user.number) === "upgrade") clients.upgraded++;
    user.close();
  }

  #rowOf(number: number): Row {
    const { rows, order } = this.#script;
    const { seed } = this.#options;
    const at = order === "random" ? Math.floor(random(seed, 7, number) * rows.length) : number;
    return rows[at % rows.length] ?? {};
  }

  #transportOf(number: number): Transport {
    const { transports } = this.#options;
    if (transports !== "mixed") return transports;
    return TRANSPORTS[number % TRANSPORTS.length] ?? "upgrade";
  }
}

/** A flow's own error is told with its first line. */
function reasonOf(error: unknown): string {
  if (error instanceof UserFailure) return error.message;
  const [line = ""] = String(error).split("\n");
  return line.slice(0, 200);
}
