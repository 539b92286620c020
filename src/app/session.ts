import type { Socket } from "socket.io";
import { errorText, type Logger } from "../options/checks.js";
import { type App, Context, type Middleware, run } from "./context.js";
import { EventError, errorReply, toError } from "./errors.js";
import { type Schemas, type SystemEvents, validateArgs } from "./events.js";
import type { LevelOptions } from "./options.js";

/** A handler, with all of its options. */
export interface Route {
  readonly handler: (this: Context, ctx: Context, ...args: never[]) => unknown;
  readonly middleware: readonly Middleware[];
  /** `undefined`: whatever comes. */
  readonly args: Schemas | undefined;
  readonly emit: readonly string[];
  readonly broadcast: readonly string[];
}

/** What is registered for one namespace. It can grow at any time; sockets look at it as it is. */
export interface RouteTable extends Required<LevelOptions> {
  /** One handler for each event of clients. */
  readonly events: Map<string, Route>;
  /** Any number for each event of the socket itself. */
  readonly system: Readonly<Record<keyof SystemEvents, Route[]>>;
}

/** What all namespaces of an app have in common. */
export interface Shared extends Required<LevelOptions> {
  readonly app: App;
  readonly logger: Logger;
}

/** `next` of Socket.IO's own middleware. */
type Proceed = (error?: Error) => void;

/**
 * One socket in one namespace: lets it in, and gives its packets and its own events to the
 * handlers. None of its promises rejects.
 */
export class Session {
  /** Settles when the connection handlers have finished. */
  #greeted: Promise<void> = Promise.resolve();
  /** Called with the reason, when the client is gone before it was connected or after. */
  #onLeft: (reason: string) => void = () => {};

  constructor(
    readonly shared: Shared,
    readonly table: RouteTable,
    readonly socket: Socket,
  ) {}

  /** Runs the connection middleware. What comes after `next()` there waits for the disconnection. */
  async admit(proceed: Proceed): Promise<void> {
    const ctx = this.#context(["connection", this.socket]);
    const middleware = [
      ...this.shared.connectionMiddleware,
      ...this.table.connectionMiddleware,
      ...this.table.system.connection.flatMap((route) => route.middleware),
    ];
    let admitted = false;
    try {
      await run(middleware, ctx, () => {
        admitted = true;
        const left = this.#left();
        proceed();
        return left;
      });
      if (!admitted) throw new EventError("REJECTED", "Connection rejected", { code: "REJECTED" });
    } catch (thrown) {
      const error = toError(thrown);
      if (!admitted) proceed(sendable(error));
      await this.#report(error, ctx);
    }
  }

  /** Tells of an error of this class itself: those of the application have been answered. */
  readonly failed = (error: unknown): void => {
    this.shared.logger.error(`A handler was not run to its end: ${errorText(error)}`);
  };

  /** Begins to listen, in the same tick in which the socket is connected. */
  attach(): void {
    this.socket.conn.off("close", this.#onLeft); // from now on there is `disconnect`
    this.socket.use((packet, proceed) => {
      this.#receive(packet, proceed).catch(this.failed);
    });
    for (const event of ["disconnecting", "disconnect", "error"] as const) {
      this.socket.on(event, (...args: unknown[]) => {
        // Clients can send an event of the name `error`, but no instance of Error.
        if (event === "error" && !(args[0] instanceof Error)) return;
        this.#happen(event, args).catch(this.failed);
      });
    }
    this.#greeted = this.#happen("connection", [this.socket]).catch(this.failed);
  }

  /** The reason of the disconnection, also of a client that goes before it was connected. */
  #left(): Promise<string> {
    return new Promise((resolve) => {
      const { conn } = this.socket;
      if (conn.readyState !== "open") return resolve("transport close");
      this.#onLeft = resolve;
      conn.once("close", resolve);
      this.socket.once("disconnect", resolve);
    });
  }

  async #receive(packet: unknown[], proceed: Proceed): Promise<void> {
    const ctx = this.#context(packet);
    await this.#greeted;
    let handled = false;
    try {
      const middleware = [...this.shared.packetMiddleware, ...this.table.packetMiddleware];
      const result = await run(middleware, ctx, () => {
        proceed(); // to listeners that the application has besides
        const route = this.table.events.get(ctx.event);
        if (!route) return undefined;
        return run(route.middleware, ctx, async () => {
          if (route.args) await validateArgs(ctx, route.args);
          handled = true;
          return call(route, ctx);
        });
      });
      if ((handled || result !== undefined) && !ctx.answered) {
        ctx.ack?.(...(result === undefined ? [] : [result]));
      }
      this.#send(this.table.events.get(ctx.event), ctx, result);
    } catch (thrown) {
      await this.#fail(toError(thrown), ctx);
    }
  }

  async #happen(event: keyof SystemEvents, args: unknown[]): Promise<void> {
    if (event === "disconnect") await this.#greeted;
    await Promise.all(
      this.table.system[event].map(async (route) => {
        const ctx = this.#context([event, ...args]);
        // Those of connection handlers have let the socket in.
        const middleware = event === "connection" ? [] : route.middleware;
        try {
          this.#send(route, ctx, await run(middleware, ctx, () => call(route, ctx)));
        } catch (thrown) {
          await this.#fail(toError(thrown), ctx, event);
        }
      }),
    );
  }

  #send(route: Route | undefined, ctx: Context, result: unknown): void {
    if (!route || result === undefined) return;
    if (!ctx.ack) for (const event of route.emit) this.socket.emit(event, result);
    for (const event of route.broadcast) this.socket.nsp.emit(event, result);
  }

  async #fail(error: Error, ctx: Context, during?: keyof SystemEvents): Promise<void> {
    try {
      const reply = errorReply(error, ctx.event);
      if (!ctx.answered) ctx.ack?.(reply);
      if (!ctx.ack && this.socket.connected) this.socket.emit("error", reply);
    } catch (unsendable) {
      await this.#report(toError(unsendable), ctx);
    }
    await this.#report(error, ctx);
    if (during !== "error") await this.#happen("error", [error]);
  }

  async #report(error: Error, ctx: Context): Promise<void> {
    try {
      await this.table.onError(error, ctx);
    } catch (failure) {
      const texts = [errorText(failure), errorText(error)];
      this.shared.logger.error(`onError failed: ${texts.join("\nIt was called with: ")}`);
    }
  }

  #context(packet: unknown[]): Context {
    return new Context(this.shared.app, this.socket, packet, ({ event, socket }) => {
      const what = `A second acknowledgement of "${event}" was not sent (socket ${socket.id}).`;
      this.shared.logger.warn(`${what} A handler that answers later has to return a promise.`);
    });
  }
}

/** One of something for each socket, made when it is first asked for. */
export function onePerSocket<T>(make: (socket: Socket) => T): (socket: Socket) => T {
  const made = new WeakMap<Socket, T>();
  return (socket) => {
    const one = made.get(socket) ?? make(socket);
    made.set(socket, one);
    return one;
  };
}

function call(route: Route, ctx: Context): unknown {
  return route.handler.call(ctx, ctx, ...(ctx.args as never[]));
}

/** Socket.IO encodes the data of a refusal in a tick of its own, where nobody could catch. */
function sendable(error: Error & { data?: unknown }): Error {
  try {
    JSON.stringify(error.data);
    return error;
  } catch {
    return new Error(error.message); // at least that
  }
}
