import { AsyncLocalStorage } from "node:async_hooks";
import type { Server, Socket } from "socket.io";
import { misuse } from "./errors.js";

/** What a context says of the app that it belongs to. */
export interface App {
  /** Socket.IO's server. */
  readonly io: Server;
}

/** One connection or packet on its way through middleware and handler. */
export class Context<S = Socket> {
  readonly app: App;
  readonly socket: S;
  /**
   * Event and arguments, with the client's callback at the end if it passed one: the array that
   * Socket.IO goes on with, so that changes reach the handler and plain listeners alike.
   */
  readonly packet: unknown[];
  /** The client's callback; `undefined` if it passed none. Only its first call counts. */
  readonly ack: ((...answer: unknown[]) => void) | undefined;
  /** For middleware to leave something for the handler. Of this packet or connection only. */
  readonly state: Record<string, unknown> = {};
  #answered = false;

  /** @param onLateAnswer is called when `ack` is, although the client has its answer */
  constructor(app: App, socket: S, packet: unknown[], onLateAnswer?: (ctx: Context<S>) => void) {
    this.app = app;
    this.socket = socket;
    this.packet = packet;
    const send = packet.at(-1);
    if (typeof send !== "function") return;
    this.ack = (...answer) => {
      if (this.#answered) return onLateAnswer?.(this);
      send(...answer); // throws if this cannot be sent; then there may be another answer
      this.#answered = true;
    };
    packet[packet.length - 1] = this.ack;
  }

  /** Name of the event. */
  get event(): string {
    return String(this.packet[0]);
  }

  /** The arguments, with the client's callback at the end if it passed one. */
  get args(): readonly unknown[] {
    return Object.freeze(this.packet.slice(1));
  }

  /** Replaces all of them: to change one, assign to `packet`. */
  set args(args: readonly unknown[]) {
    this.packet.splice(1, Number.POSITIVE_INFINITY, ...args);
  }

  /** Whether the client's callback was called. */
  get answered(): boolean {
    return this.#answered;
  }
}

/**
 * `next()` runs what comes after, and resolves to what that returned. What the middleware itself
 * returns takes its place; a middleware that returns nothing leaves it as it is.
 */
export type Middleware = (ctx: Context, next: () => Promise<unknown>) => unknown;

const current = new AsyncLocalStorage<Context>();

/** Runs middleware from the outside in, `last` innermost, and resolves to what came out. */
export function run(middleware: readonly Middleware[], ctx: Context, last: () => unknown) {
  const runFrom = async (index: number): Promise<unknown> => {
    const layer = middleware[index];
    if (!layer) return last();
    let inner: Promise<unknown> | undefined;
    const result = await layer(ctx, () => {
      if (inner) throw misuse("A middleware called next() twice.");
      inner = runFrom(index + 1);
      // Whoever calls next() may look at its outcome later, or has failed before it could.
      inner.catch(() => {});
      return inner;
    });
    return result === undefined ? inner : result;
  };
  return current.run(ctx, runFrom, 0);
}

/**
 * The context of the middleware or handler that runs now: for methods of controllers, whose
 * `this.ctx` is the socket. `undefined` elsewhere.
 */
export function currentContext(): Context | undefined {
  return current.getStore();
}
