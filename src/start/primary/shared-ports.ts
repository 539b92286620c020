import { createServer } from "node:http";
import type { AddressInfo, Server, Socket } from "node:net";
import type { StickyOptions } from "../../options/options.js";
import { shownUrl } from "../../primary/listen.js";
import { refuse } from "../../primary/routing/refuse.js";
import { setupStickyMaster } from "../../primary/setup-sticky-master.js";
import type { WorkerHandle } from "../../primary/workers/worker-handle.js";
import type { WorkerRegistry } from "../../primary/workers/worker-registry.js";
import type { ListenFailure, ListenRequest, ToPrimary } from "../../protocol/messages.js";

/** Connections that may wait for the first worker, of one port. */
const MAX_HELD = 1_000;

interface Port {
  readonly name: string;
  readonly secure: boolean;
  readonly opened: Promise<Server>;
  readonly users: Set<WorkerHandle>;
}

/**
 * The ports that an unchanged server would listen on, opened once for all workers.
 *
 * A port is open as soon as the first worker asks, so that whoever asks learns whether it can be;
 * what connects before any worker is ready waits.
 */
export class SharedPorts {
  readonly #registry: WorkerRegistry;
  readonly #options: StickyOptions;
  readonly #ports = new Map<string, Port>();
  #onAsked: () => void = () => {};

  constructor(registry: WorkerRegistry, options: StickyOptions) {
    this.#registry = registry;
    this.#options = options;
    registry.on("message", this.#onMessage);
    registry.on("exit", this.#onExit);
  }

  /** Where each is found, as in `http://localhost:3000`. */
  async describe(): Promise<string[]> {
    const open = [...this.#ports.values()].map(async ({ opened, secure }) => {
      const { address, port } = (await opened).address() as AddressInfo;
      return shownUrl(port, { host: address, tls: secure });
    });
    return Promise.all(open);
  }

  /**
   * Waits until all workers have asked for the same ports.
   *
   * @param timeout ms
   * @returns what they do not agree on, in one sentence; `undefined` when they do
   */
  async disagreement(
    workers: () => readonly WorkerHandle[],
    timeout: number,
  ): Promise<string | undefined> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const found = this.#difference(workers());
      const rest = deadline - performance.now();
      if (found === undefined || rest <= 0) return found;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, rest);
        this.#onAsked = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  get isEmpty(): boolean {
    return this.#ports.size === 0;
  }

  /** Closes what no worker asks for any more: new code may listen elsewhere. */
  async closeUnused(): Promise<void> {
    for (const port of [...this.#ports.values()]) {
      if (port.users.size === 0) await this.#close(port);
    }
  }

  async close(): Promise<void> {
    this.#registry.off("message", this.#onMessage);
    this.#registry.off("exit", this.#onExit);
    for (const port of [...this.#ports.values()]) await this.#close(port);
  }

  #difference(workers: readonly WorkerHandle[]): string | undefined {
    const asked = workers.map((handle) => ({
      pid: handle.pid,
      names: [...this.#ports.values()].filter(({ users }) => users.has(handle)).map((p) => p.name),
    }));
    const sets = new Set(asked.map(({ names }) => names.sort().join(", ")));
    if (sets.size < 2) return undefined;
    const list = asked.map(({ pid, names }) => `${pid} on ${names.join(", ") || "none"}`);
    return `Workers have to listen on the same ports, but worker ${list.join(", worker ")}.`;
  }

  readonly #onMessage = (handle: WorkerHandle, message: ToPrimary): void => {
    if (message.type === "supervisor:open-port") {
      this.#listen(handle, message).catch((error: unknown) => {
        // What the port says is the worker's to hear: this is a mistake of ours.
        process.nextTick(() => {
          throw error;
        });
      });
    } else if (message.type === "supervisor:unlisten" && handle.state === "ready") {
      // It gets nothing more, and ends as its application wants it to; soon it is told to.
      this.#registry.setState(handle, "draining");
    }
  };

  readonly #onExit = (handle: WorkerHandle): void => {
    for (const { users } of this.#ports.values()) users.delete(handle);
  };

  /** What fails is the worker's to hear. */
  async #listen(handle: WorkerHandle, request: ListenRequest): Promise<void> {
    const name = nameOf(request);
    const port = this.#ports.get(name) ?? this.#open(name, request);
    const { id } = request;
    try {
      const { address, family, port: number } = (await port.opened).address() as AddressInfo;
      port.users.add(handle);
      handle.send({
        type: "supervisor:port",
        id,
        name,
        address: { address, family, port: number },
      });
      this.#onAsked();
    } catch (error) {
      // The next one may find the port free.
      if (this.#ports.get(name) === port) this.#ports.delete(name);
      handle.send({ type: "supervisor:port", id, name, failure: failureOf(error as Error) });
    }
  }

  #open(name: string, request: ListenRequest): Port {
    const { secure } = request;
    const opened = this.#openServer(name, request);
    const port = { name, secure, opened, users: new Set<WorkerHandle>() };
    this.#ports.set(name, port);
    return port;
  }

  async #openServer(name: string, request: ListenRequest): Promise<Server> {
    const { port, host, backlog, ipv6Only, secure } = request;
    const server: Server = createServer();
    setupStickyMaster(server, { ...this.#options, name, tls: secure });
    const begin = hold(server, secure);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen({ port, host, backlog, ipv6Only }, resolve);
    });
    if (this.#registry.ready.length > 0) begin();
    else this.#registry.once("ready", begin);
    return server;
  }

  async #close(port: Port): Promise<void> {
    this.#ports.delete(port.name);
    (await port.opened).close();
  }
}

/** The same for the same call in every worker. */
function nameOf({ port, host, order, secure }: ListenRequest): string {
  const where = port === 0 ? `0#${order}` : String(port);
  return `${secure ? "tls " : ""}${host === undefined ? "" : `${host}:`}${where}`;
}

/** @returns a function that lets in who was held, and everybody from then on */
function hold(server: Server, secure: boolean): () => void {
  const held: Socket[] = [];
  const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
  const pausing = server as Server & { pauseOnConnect: boolean };
  const { pauseOnConnect } = pausing;
  pausing.pauseOnConnect = true;
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    socket.on("error", () => socket.destroy());
    if (held.length < MAX_HELD) held.push(socket);
    else if (secure) socket.destroy();
    else refuse(socket, 503);
  });
  return () => {
    pausing.pauseOnConnect = pauseOnConnect;
    server.removeAllListeners("connection");
    for (const listener of listeners) server.on("connection", listener);
    for (const socket of held.splice(0)) {
      server.emit("connection", socket);
      if (!pauseOnConnect) socket.resume();
    }
  };
}

function failureOf(error: Error): ListenFailure {
  const { message, code, errno, syscall, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  return { message, code, errno, syscall, address, port };
}
