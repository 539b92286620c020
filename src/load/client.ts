import type { Agent } from "node:http";
import type { Socket } from "socket.io-client";
import { reasonOf } from "../connect-reason.js";
import { type Connect, dial } from "./dial.js";
import { DeliveryLedger, EchoLedger } from "./ledger.js";
import type { LoadOptions } from "./options.js";
import type { Counts, ServerAbilities } from "./result.js";
import { RoundTrips } from "./round-trip.js";
import { type ClientPlan, firstMessageFrom, isBinary, messageAt } from "./schedule.js";
import { count } from "./tally.js";

/** What the clients of one process share. */
export interface ClientContext {
  options: LoadOptions;
  connect: Connect;
  counts: Counts;
  server: ServerAbilities;
  /** Tells broadcasts of this test from those of others at the same server. */
  run: number;
  payloads: { text: string; binary: Buffer };
  /** ms since the start; messages are due at such times. */
  elapsed(): number;
  record(what: "connect" | "echo" | "fanOut" | "lag" | "ping", ms: number, dueAt: number): void;
  recordOutage(ms: number): void;
}

const ACK = 3;
const BINARY_ACK = 6;

/** A user: one connection that is kept up, and messages on a schedule. */
export class LoadClient {
  readonly plan: ClientPlan;
  readonly echo = new EchoLedger();
  readonly deliveries = new DeliveryLedger();
  readonly #context: ClientContext;
  readonly #agent: Agent;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #next = 0;
  #wasConnected = false;
  #isUp = false;
  #isJoined = false;
  #lostAt: number | undefined;
  #worker: string | undefined;
  #isOver = false;
  readonly #roundTrips = new RoundTrips();
  /** When the last of Engine.IO's pings came, or else the connection was there. */
  #pingedAt = 0;

  constructor(plan: ClientPlan, context: ClientContext, agent: Agent) {
    this.plan = plan;
    this.#context = context;
    this.#agent = agent;
  }

  get isConnected(): boolean {
    return this.#socket?.connected === true;
  }

  start(): void {
    const wait = this.plan.startsAt - this.#context.elapsed();
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  /** No more messages from now on. */
  stopSending(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  close(): void {
    this.stopSending();
    this.#socket?.off();
    this.#socket?.disconnect();
    this.#agent.destroy();
  }

  /** Sends the n-th broadcast. @returns whether it had a connection for that */
  broadcast(n: number, dueAt: number, accepted: () => void): boolean {
    if (!this.isConnected || (this.plan.room >= 0 && !this.#isJoined)) return false;
    const { room } = this.plan;
    const message = { run: this.#context.run, n, at: dueAt, payload: this.#payload(n) };
    this.#socket?.emit(
      "broadcast",
      room < 0 ? message : { ...message, room: `load-${room}` },
      accepted,
    );
    return true;
  }

  /** Adds what is known at the end. */
  tell(counts: Counts): void {
    const { clients } = counts;
    clients[this.#wasConnected ? "connected" : "never"]++;
    if (this.#wasConnected && !this.isConnected) clients.without++;
    const name = this.isConnected ? this.#socket?.io.engine.transport.name : undefined;
    if (this.plan.transport === "upgrade" && name === "websocket") clients.upgraded++;
    if (this.#worker !== undefined && this.isConnected) count(counts.workers, this.#worker);
    // An outage that has not ended is as long as it is by now.
    if (this.#lostAt !== undefined) {
      this.#context.recordOutage(this.#context.elapsed() - this.#lostAt);
    }
  }

  #connect(): void {
    if (this.#isOver) return;
    const { options, connect } = this.#context;
    const socket = dial(connect, options, { transport: this.plan.transport, agent: this.#agent });
    this.#socket = socket;
    socket.on("connect", () => this.#onConnect(socket));
    socket.on("connect_error", (error) => {
      if (!this.#isOver) count(this.#context.counts.handshakes.failed, reasonOf(error));
    });
    socket.on("disconnect", (reason) => this.#onDisconnect(reason));
    socket.io.on("open", () => {
      this.#pingedAt = this.#context.elapsed();
    });
    socket.io.on("ping", () => this.#onPing());
    socket.on("broadcast", (message: unknown) => this.#onBroadcast(message));
    // Not the callback of emit(): it is never called a second time, whatever the server sends.
    socket.io.on("packet", (packet: { type: number; data?: unknown; nsp?: unknown }) => {
      const answered = this.#roundTrips.answeredBy(packet);
      if (answered !== undefined) this.#onAnswer(answered);
      const { type, data } = packet;
      if (type !== ACK && type !== BINARY_ACK) return;
      const [reply] = Array.isArray(data) ? data : [];
      if (isEcho(reply)) this.#onEcho(reply);
    });
  }

  /** Engine.IO's: it comes as long after the last one as the handshake said, or is late. */
  #onPing(): void {
    const { elapsed, record, server } = this.#context;
    const now = elapsed();
    const dueAt = this.#pingedAt + server.pingInterval;
    if (this.#isUp) record("ping", Math.max(0, now - dueAt), dueAt);
    this.#pingedAt = now;
  }

  #onConnect(socket: Socket): void {
    const { counts, elapsed, record, server } = this.#context;
    const now = elapsed();
    this.#roundTrips.connected(socket.io.engine);
    this.#isUp = true;
    counts.handshakes.ok++;
    if (this.#wasConnected) counts.reconnects++;
    else record("connect", now - this.plan.startsAt, this.plan.startsAt);
    if (this.#lostAt !== undefined) this.#context.recordOutage(now - this.#lostAt);
    this.#lostAt = undefined;
    if (server.worker !== null) {
      socket.emit("worker", (pid: unknown) => {
        this.#worker = String(pid);
      });
    }
    this.#join(socket);
    if (!this.#wasConnected) {
      this.#wasConnected = true;
      this.#next = firstMessageFrom(this.#context.options, this.plan, now);
      this.#schedule();
    }
  }

  #join(socket: Socket): void {
    if (this.plan.room < 0) {
      this.deliveries.connected(this.#context.elapsed());
      return;
    }
    const { id } = socket;
    socket.emit("join", `load-${this.plan.room}`, () => {
      if (socket.id !== id) return; // of an earlier connection
      this.#isJoined = true;
      this.deliveries.connected(this.#context.elapsed());
    });
  }

  #onDisconnect(reason: string): void {
    const { counts, elapsed } = this.#context;
    // socket.io-client says so, too, when the connection ends before the namespace has answered.
    if (!this.#isUp) {
      if (!this.#isOver) count(counts.handshakes.failed, reason);
      return;
    }
    this.#isUp = false;
    this.#isJoined = false;
    const now = elapsed();
    count(counts.connectionsLost, reason);
    this.#lostAt = now;
    this.deliveries.disconnected(now);
    this.#roundTrips.disconnected();
    this.echo.lose();
  }

  #schedule(): void {
    const { options, elapsed, server } = this.#context;
    if (options.rate === 0 || server.question === "nothing" || this.#isOver) return;
    const dueAt = messageAt(options, this.plan, this.#next);
    this.#timer = setTimeout(() => {
      // All that are due, each with its own time: a late process does not get out of sending them.
      const now = elapsed();
      for (let at = dueAt; at <= now; at = messageAt(options, this.plan, ++this.#next)) {
        this.#send(at, now);
      }
      this.#schedule();
    }, dueAt - elapsed());
  }

  #send(dueAt: number, now: number): void {
    this.#context.record("lag", now - dueAt, dueAt);
    const n = this.echo.send(dueAt);
    if (this.#context.server.question === "namespace") {
      this.#roundTrips.ask(n);
      return;
    }
    this.#socket?.emit("echo", { load: true, n, payload: this.#payload(n) }, () => {});
  }

  #payload(n: number): string | Buffer {
    const { options, payloads } = this.#context;
    return isBinary(options, this.plan.index, n) ? payloads.binary : payloads.text;
  }

  #onEcho({ n, payload }: Echo): void {
    if (lengthOf(payload) !== this.#context.options.payload) {
      this.echo.wrong();
      return;
    }
    this.#onAnswer(n);
  }

  #onAnswer(n: unknown): void {
    const dueAt = this.echo.answer(n);
    if (dueAt !== undefined) this.#context.record("echo", this.#context.elapsed() - dueAt, dueAt);
  }

  #onBroadcast(message: unknown): void {
    const { run, n, at } = (message ?? {}) as { run?: unknown; n?: unknown; at?: unknown };
    if (run !== this.#context.run) return;
    if (typeof n !== "number" || typeof at !== "number" || !(n >= 0 && n < 2 ** 24)) return;
    if (this.deliveries.receive(n)) {
      this.#context.record("fanOut", this.#context.elapsed() - at, at);
    }
  }
}

interface Echo {
  load: true;
  n: unknown;
  payload: unknown;
}

function isEcho(value: unknown): value is Echo {
  return typeof value === "object" && value !== null && (value as Echo).load === true;
}

function lengthOf(payload: unknown): number {
  return typeof payload === "string" || Buffer.isBuffer(payload) ? payload.length : -1;
}
