import http from "node:http";
import https from "node:https";
import { io, type Socket } from "socket.io-client";
import { freshAddress, type Pair, type Target } from "./targets.js";

export interface Vitals {
  heap: number;
  rss: number;
  descriptors: number;
  clients: number;
}

const PATIENCE = 20_000;

/**
 * Clients that have nothing to do with the attack: one of each transport on each worker. They never
 * lose their session, nor a packet, and never get one that is not theirs.
 */
export class Canaries {
  readonly troubles: string[] = [];
  readonly #clients: Socket[] = [];
  readonly #byPid = new Map<number, Socket>();
  readonly #heard = new Map<Socket, number[]>();
  #round = 0;

  async open(pair: Pair): Promise<void> {
    // One too many closes at the end only: new sessions go to the worker with the fewest.
    const spare: Socket[] = [];
    for (const transport of ["websocket", "polling"]) {
      const pids = new Set<number>();
      for (let tries = 0; pids.size < pair.workers; tries++) {
        if (tries > 60) throw new Error("Not every worker gets a canary");
        const socket = await this.#connect(pair.cluster, transport);
        const pid: number = await socket.timeout(PATIENCE).emitWithAck("pid");
        if (pids.has(pid)) {
          spare.push(socket);
          continue;
        }
        pids.add(pid);
        this.#byPid.set(pid, socket);
        this.#watch(socket, pid, transport);
      }
    }
    for (const socket of spare) socket.disconnect();
  }

  async #connect({ url }: Target, transport: string): Promise<Socket> {
    const { Agent } = url.startsWith("https:") ? https : http;
    const agent = new Agent({ keepAlive: true, localAddress: freshAddress() });
    const socket = io(url, {
      transports: [transport],
      forceNew: true,
      reconnection: false,
      rejectUnauthorized: false,
      auth: { canary: true },
      agent: agent as never, // the clients' types want what browsers have
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve).once("connect_error", reject);
    });
    return socket;
  }

  #watch(socket: Socket, pid: number, transport: string): void {
    const name = `the ${transport} canary of worker ${pid}`;
    const heard: number[] = [];
    this.#heard.set(socket, heard);
    this.#clients.push(socket);
    socket.on("everybody", (value: number) => heard.push(value));
    socket.onAny((event: string, ...args: unknown[]) => {
      if (event !== "everybody") this.troubles.push(`${name} got ${event} ${JSON.stringify(args)}`);
    });
    socket.on("disconnect", (reason) => {
      if (reason !== "io client disconnect")
        this.troubles.push(`${name} lost its session: ${reason}`);
    });
  }

  /** Each canary says something to all. @returns after all have heard all */
  async sing(): Promise<void> {
    const round = ++this.#round;
    const connected = this.#clients.filter((socket) => socket.connected);
    const wanted = connected.map((_, n) => round * 1_000 + n);
    for (const [n, socket] of connected.entries()) {
      socket.emit("everybody", wanted[n]);
      try {
        const echo: number = await socket.timeout(PATIENCE).emitWithAck("echo", n);
        if (echo !== n) this.troubles.push(`a canary's own echo: ${echo}`);
      } catch (error) {
        this.troubles.push(`a canary got no answer: ${(error as Error).message}`);
      }
    }
    const isWhole = () =>
      connected.every((socket) => this.#heard.get(socket)?.length === wanted.length);
    for (const end = Date.now() + PATIENCE; !isWhole() && Date.now() < end; ) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (const [socket, heard] of this.#heard) {
      const got = heard.splice(0).sort((a, b) => a - b);
      if (socket.connected && got.join() !== wanted.join()) {
        this.troubles.push(`a canary heard ${got.join()} instead of ${wanted.join()}`);
      }
    }
  }

  get pids(): number[] {
    return [...this.#byPid.keys()];
  }

  /** Lets the worker do what it does upon this event. */
  ask<T>(pid: number, event: string, ...args: unknown[]): Promise<T> {
    const socket = this.#byPid.get(pid);
    if (socket === undefined) throw new Error(`No canary on worker ${pid}`);
    return socket.timeout(PATIENCE).emitWithAck(event, ...args);
  }

  /** Memory and descriptors of each worker, after its garbage collection. */
  async vitals(): Promise<Map<number, Vitals>> {
    const all = new Map<number, Vitals>();
    for (const pid of this.#byPid.keys()) all.set(pid, await this.ask<Vitals>(pid, "vitals"));
    return all;
  }

  close(): void {
    for (const socket of this.#clients) socket.disconnect();
    this.#clients.length = 0;
    this.#heard.clear();
    this.#byPid.clear();
  }
}
