import type { Context, Middleware } from "./context.js";
import { SYSTEM_EVENTS, type SystemEvent } from "./events.js";
import { misuse } from "./misuse.js";
import type { StandardSchema } from "./standard-schema.js";

/** Called with what went wrong, after the client got its answer. */
export type ErrorListener = (error: Error, ctx: Context) => unknown;

export type AnyHandler = (this: Context, ctx: Context, ...args: never[]) => unknown;

export interface Route {
  handler: AnyHandler;
  middleware: readonly Middleware[];
  /** `undefined`: whatever comes. */
  args: readonly StandardSchema[] | undefined;
  /** Events that the client gets with the handler's result, unless it passed a callback. */
  emit: readonly string[];
  /** Events that the whole namespace gets with it. */
  broadcast: readonly string[];
}

/** Socket.IO keeps these to itself: they would never arrive. */
const NEVER_ARRIVE = ["connect", "connect_error", "newListener", "removeListener"];

/** What is registered for one namespace. It can grow at any time; sockets look at it as it is. */
export class RouteTable {
  readonly #events = new Map<string, Route>();
  readonly #system = new Map<SystemEvent, Route[]>(SYSTEM_EVENTS.map((event) => [event, []]));

  constructor(
    readonly namespace: string,
    readonly connectionMiddleware: Middleware[],
    readonly packetMiddleware: Middleware[],
    /** Instead of the app's. */
    readonly onError: ErrorListener | undefined,
  ) {}

  /** One handler for an event of clients; any number for those of the socket itself. */
  add(event: string, route: Route): void {
    const system = this.#system.get(event as SystemEvent);
    if (system && !route.args) {
      system.push(route);
      return;
    }
    const where = `"${event}" of namespace "${this.namespace}"`;
    let why: string | undefined;
    if (system) why = `Event ${where} comes from the socket itself: it takes no schemas.`;
    else if (NEVER_ARRIVE.includes(event)) why = `Event ${where} is reserved by Socket.IO.`;
    else if (this.#events.has(event)) why = `Event ${where} has a handler already.`;
    if (why !== undefined) throw misuse(why);
    this.#events.set(event, route);
  }

  /** The handler of an event that clients send. */
  find(event: string): Route | undefined {
    return this.#events.get(event);
  }

  /** The handlers of an event of the socket itself. */
  system(event: SystemEvent): readonly Route[] {
    return this.#system.get(event) ?? [];
  }
}
