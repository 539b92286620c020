import cluster from "node:cluster";
import { drainPace } from "../policy/drain.js";
import type { ClientConnections } from "./connections/client-connections.js";
import { closeInspector } from "./health/inspector.js";
import type { OpenWork } from "./jobs/open-work.js";
import type { PrimaryChannel } from "./primary-channel.js";
import type { EngineServer } from "./sessions/engine.js";

/** How long clients may take to answer the close of their WebSocket (ms). */
const CLOSE_GRACE = 500;

/** What a worker may take to end that was disconnected on purpose (ms). */
const DISCONNECT_TIMEOUT = 10_000;

/** Left to a manager while the primary lives. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

type Phase = "serving" | "draining" | "stopping" | "ending";

/**
 * Everything of one worker that has to be closed before it may end.
 *
 * Sessions are closed by their transports, so that clients reconnect by themselves. Draining does
 * it one by one and waits for all requests; stopping does it at once. Both wait for jobs to end.
 */
export class WorkerLifecycle {
  readonly #connections: ClientConnections;
  readonly #work: OpenWork;
  readonly #engines: EngineServer[] = [];
  #phase: Phase = "serving";

  constructor(channel: PrimaryChannel, connections: ClientConnections, work: OpenWork) {
    this.#connections = connections;
    this.#work = work;
    connections.on("close", () => this.#endIfDone());
    work.on("none", () => this.#endIfDone());
    process.once("disconnect", () => this.#onDisconnect());
    channel.on("supervisor:drain", ({ timeout }) => this.#drain(timeout));
    channel.on("supervisor:stop", ({ timeout }) => this.#stop(timeout));
  }

  watch(engine: EngineServer): void {
    this.#engines.push(engine);
    engine.on("connection", (session) => session.once("close", this.#endIfDone));
  }

  /**
   * For a worker that is ready, and has a manager. A terminal's Ctrl-C and pm2's tree kill reach the
   * whole group: who ends when is the manager's to say. Handlers of the application are called all
   * the same. Without a manager, and while it starts, signals do what they do in Node.
   */
  leaveSignals(): void {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  /**
   * `worker.disconnect()`: the primary has forgotten its sessions, so they are of no use any more. Of
   * a disconnect that nobody asked for, Node ends the process by itself.
   */
  #onDisconnect(): void {
    if (cluster.worker?.exitedAfterDisconnect === true) this.#stop(DISCONNECT_TIMEOUT);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (!process.connected) process.exit(signal === "SIGINT" ? 130 : 143);
  };

  #drain(timeout: number): void {
    if (this.#phase !== "serving") return;
    this.#phase = "draining";
    this.#connections.closeGently();
    const sessions = this.#shuffledSessions();
    this.#moveSessions(sessions, drainPace(sessions.length, timeout));
  }

  #stop(timeout: number): void {
    if (this.#phase === "stopping" || this.#phase === "ending") return;
    this.#phase = "stopping";
    this.#connections.closeGently();
    this.#connections.closeIdle();
    for (const engine of this.#engines) engine.close();
    this.#endIfDone();
    // After the grace, all that is left are requests that take long.
    setTimeout(
      () => {
        this.#connections.destroyUpgraded();
        this.#connections.closeIdle();
      },
      Math.min(CLOSE_GRACE, timeout / 4),
    );
    setTimeout(() => this.#end(), timeout / 2);
  }

  #sessions(): { close(): void }[] {
    return this.#engines.flatMap(({ clients }) => Object.values(clients));
  }

  /** In any order, so that those who came together do not have to go together. */
  #shuffledSessions(): { close(): void }[] {
    return this.#sessions()
      .map((session) => ({ session, key: Math.random() }))
      .sort((a, b) => a.key - b.key)
      .map(({ session }) => session);
  }

  /** Sessions that open meanwhile, on connections that were under way, get their turn too. */
  #moveSessions(sessions: { close(): void }[], pace: { tick: number; batch: number }): void {
    if (this.#phase !== "draining") return;
    for (const session of sessions.splice(0, pace.batch)) session.close();
    const rest = sessions.length > 0 ? sessions : this.#sessions();
    if (rest.length > 0) {
      setTimeout(() => this.#moveSessions(rest, pace), pace.tick);
    } else {
      setTimeout(() => this.#connections.destroyUpgraded(), CLOSE_GRACE);
      this.#endIfDone();
    }
  }

  readonly #endIfDone = (): void => {
    const isLeaving = this.#phase === "draining" || this.#phase === "stopping";
    if (!isLeaving || this.#work.any) return;
    if (this.#connections.size === 0 && this.#sessions().length === 0) this.#end();
  };

  /** An application that handles SIGTERM is asked by it, and ends when its own work is done. */
  #end(): void {
    if (this.#phase === "ending") return;
    this.#phase = "ending";
    closeInspector();
    process.off("SIGTERM", this.#onSignal);
    if (process.listenerCount("SIGTERM") > 0) process.kill(process.pid, "SIGTERM");
    else process.exit(0);
  }
}
