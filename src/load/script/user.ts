import type { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Socket } from "socket.io-client";
import { reasonOf } from "../../connect-reason.js";
import { type Connect, dial } from "../dial.js";
import type { LoadOptions, Transport } from "../options.js";
import type { Counts } from "../result.js";
import { random } from "../schedule.js";
import { count } from "../tally.js";
import { Mailbox } from "./mailbox.js";
import { matches } from "./template.js";
import type { Row, ScriptUser } from "./types.js";

/** What the users of one process share. */
export interface UserContext {
  options: LoadOptions;
  connect: Connect;
  counts: Counts;
  /** s; how long a user waits. */
  timeout: number;
  /** ms since the start. */
  elapsed(): number;
  /** Something took so long that was awaited. */
  record(name: string, ms: number): void;
  recordConnect(ms: number): void;
  recordOutage(ms: number): void;
  /** A message was sent. */
  sent(): void;
}

/** Why a user could not go on; users that fail for the same cause have the same words. */
export class UserFailure extends Error {}

/** Who a user is. */
export interface UserPlan {
  number: number;
  /** ms after the start. */
  arrivesAt: number;
  transport: Transport;
  data: Row;
  namespace: string | undefined;
  auth: Record<string, unknown> | undefined;
}

/** One user: a connection, and what its flow does with it. */
export class User implements ScriptUser {
  readonly number: number;
  readonly data: Row;
  readonly #context: UserContext;
  readonly #plan: UserPlan;
  readonly #agent: Agent;
  readonly #mailbox = new Mailbox();
  readonly #over = new AbortController();
  readonly socket: Socket;
  #thoughts = 0;
  /** When it has last sent something, if it has done nothing else since (ms). */
  #sentAt: number | undefined;
  #wasConnected = false;
  #lostAt: number | undefined;

  constructor(plan: UserPlan, context: UserContext, agent: Agent) {
    this.number = plan.number;
    this.data = plan.data;
    this.#plan = plan;
    this.#context = context;
    this.#agent = agent;
    const { transport, namespace, auth } = plan;
    this.socket = dial(context.connect, context.options, { transport, agent, namespace, auth });
    this.socket.onAny((event: string, argument: unknown) => this.#mailbox.receive(event, argument));
    this.socket.on("connect", () => this.#onConnect());
    this.socket.on("disconnect", (reason) => this.#onDisconnect(reason));
    this.socket.on("connect_error", (error) => {
      count(context.counts.handshakes.failed, reasonOf(error));
    });
  }

  get wasConnected(): boolean {
    return this.#wasConnected;
  }

  get isConnected(): boolean {
    return this.socket.connected;
  }

  /** @throws UserFailure when it is refused, or does not come about */
  async connected(): Promise<void> {
    let why = "no answer";
    const done = new Promise<void>((resolve, reject) => {
      this.socket.once("connect", resolve);
      this.socket.on("connect_error", (error) => {
        why = reasonOf(error);
        if (!this.socket.active) reject(new UserFailure(why)); // it does not try again
      });
    });
    await this.#within(done, undefined, () => `not connected in time (${why})`);
  }

  emit(event: string, ...args: unknown[]): void {
    this.#beforeSending();
    this.socket.emit(event, ...args);
  }

  ask(event: string, ...args: unknown[]): Promise<unknown> {
    return this.askFor({ event, args });
  }

  /** @param timeout s */
  async askFor({
    event,
    args,
    expect,
    timeout,
  }: {
    event: string;
    args: readonly unknown[];
    expect?: unknown;
    timeout?: number | undefined;
  }): Promise<unknown> {
    const sentAt = this.#beforeSending();
    const answer = new Promise<unknown>((resolve) => {
      this.socket.emit(event, ...args, resolve);
    });
    const reply = await this.#within(answer, timeout, () => `no acknowledgement of "${event}"`);
    this.#context.record(`ack ${event}`, this.#context.elapsed() - sentAt);
    if (matches(reply, expect)) return reply;
    throw new UserFailure(`another acknowledgement of "${event}" than expected`);
  }

  async wait(
    event: string,
    { expect, timeout }: { expect?: unknown; timeout?: number | undefined } = {},
  ): Promise<unknown> {
    const since = this.#sentAt ?? this.#context.elapsed();
    const { found, cancel } = this.#mailbox.take(event, expect);
    try {
      const argument = await this.#within(found, timeout, () => `no "${event}"`);
      this.#context.record(`wait ${event}`, this.#context.elapsed() - since);
      return argument;
    } finally {
      cancel();
    }
  }

  async think(seconds: number, most = seconds): Promise<void> {
    this.#sentAt = undefined;
    const { seed } = this.#context.options;
    const part = random(seed, 6, this.number, this.#thoughts++);
    const ms = 1_000 * (seconds + part * Math.max(0, most - seconds));
    await sleep(ms, undefined, { signal: this.#over.signal });
  }

  /** Ends what it waits for, and its connection. */
  close(): void {
    this.#over.abort(new UserFailure("not done when the test ended"));
    this.socket.off();
    this.socket.offAny();
    this.socket.disconnect();
    this.#agent.destroy();
    if (this.#lostAt !== undefined) {
      this.#context.recordOutage(this.#context.elapsed() - this.#lostAt);
    }
  }

  /** @returns when (ms) */
  #beforeSending(): number {
    this.#over.signal.throwIfAborted();
    this.#mailbox.clear();
    this.#context.sent();
    this.#sentAt = this.#context.elapsed();
    return this.#sentAt;
  }

  /** @param seconds default: the script's */
  async #within<T>(promise: Promise<T>, seconds: number | undefined, what: () => string) {
    const { signal } = this.#over;
    signal.throwIfAborted();
    const limit = seconds ?? this.#context.timeout;
    const settled = new AbortController();
    const late = new Promise<never>((_, reject) => {
      const timer = setTimeout(() => {
        reject(new UserFailure(`${what()} within ${limit} s`));
      }, 1_000 * limit);
      const end = (): void => reject(signal.reason);
      signal.addEventListener("abort", end, { once: true });
      settled.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
      });
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      settled.abort();
    }
  }

  #onConnect(): void {
    const { counts, elapsed, recordConnect, recordOutage } = this.#context;
    const now = elapsed();
    counts.handshakes.ok++;
    if (this.#wasConnected) counts.reconnects++;
    else recordConnect(now - this.#plan.arrivesAt);
    if (this.#lostAt !== undefined) recordOutage(now - this.#lostAt);
    this.#wasConnected = true;
    this.#lostAt = undefined;
  }

  #onDisconnect(reason: string): void {
    if (!this.#wasConnected || this.#lostAt !== undefined) return;
    count(this.#context.counts.connectionsLost, reason);
    this.#lostAt = this.#context.elapsed();
  }
}
