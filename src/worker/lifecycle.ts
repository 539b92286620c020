import type { Server as HttpServer } from "node:http";
import type { Socket } from "node:net";
import type { EngineServer } from "./engine.js";
import type { PrimaryChannel } from "./primary-channel.js";

/** How long clients may take to answer the close of their WebSocket (ms). */
const CLOSE_GRACE = 500;

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Everything of one worker that has to be closed before it may end. */
export class WorkerLifecycle {
  readonly #sockets = new Set<Socket>();
  readonly #engines: EngineServer[] = [];
  readonly #servers: HttpServer[] = [];
  #stopping = false;

  constructor(channel: PrimaryChannel) {
    // A terminal's Ctrl-C and pm2's tree kill reach the whole group: who ends when is the
    // primary's to say. Handlers of the application are called all the same.
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
    channel.on("supervisor:stop", ({ timeout }) => this.#stop(timeout));
  }

  watch(server: HttpServer, engine: EngineServer): void {
    this.#engines.push(engine);
    if (!this.#servers.includes(server)) this.#servers.push(server);
  }

  /** A connection that was given to this worker. */
  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      if (this.#stopping && this.#sockets.size === 0) this.#end();
    });
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (!process.connected) process.exit(signal === "SIGINT" ? 130 : 143);
  };

  /**
   * Closes sessions by closing their transports, so that clients reconnect by themselves; lets
   * requests finish; then ends.
   */
  #stop(timeout: number): void {
    if (this.#stopping) return;
    this.#stopping = true;
    for (const engine of this.#engines) engine.close();
    for (const server of this.#servers) {
      server.closeIdleConnections();
      server.keepAliveTimeout = 1; // those that are busy close after their response
    }
    if (this.#sockets.size === 0) this.#end();
    // After the grace, all that is left are requests that take long.
    setTimeout(() => this.#destroyUpgraded(), Math.min(CLOSE_GRACE, timeout / 4));
    setTimeout(() => this.#end(), timeout / 2);
  }

  /** An application that handles SIGTERM is asked by it, and ends when its own work is done. */
  #end(): void {
    process.off("SIGTERM", this.#onSignal);
    if (process.listenerCount("SIGTERM") > 0) process.kill(process.pid, "SIGTERM");
    else process.exit(0);
  }

  #destroyUpgraded(): void {
    for (const socket of this.#sockets) {
      // Node's HTTP server takes its parser off a connection that was upgraded.
      if ((socket as { parser?: unknown }).parser == null) socket.destroy();
    }
    for (const server of this.#servers) server.closeIdleConnections();
  }
}
