import type { Socket } from "socket.io";
import type { Logger } from "../options/checks.js";
import type { Context, Middleware } from "./context.js";
import type { EventsDeclaration, Schemas } from "./events.js";

/** A class with `@WSController()`. */
export type ControllerClass = new (...args: never[]) => object;

/** Called with what went wrong, after the client got its answer. */
export type ErrorListener = (error: Error, ctx: Context) => unknown;

/** Options of the app, for all of its namespaces, and of each namespace. All are optional. */
export interface LevelOptions {
  /** Runs for each client that connects, the app's first; see {@link Middleware}. */
  connectionMiddleware?: readonly Middleware[];
  /** Runs for each packet, also for those without a route; the app's first. */
  packetMiddleware?: readonly Middleware[];
  /** Default: that of the app; there, it logs all but `EventError`s, with event and socket id. */
  onError?: ErrorListener;
}

/** Options of a namespace. All are optional. */
export interface NamespaceOptions<E = EventsDeclaration> extends LevelOptions {
  /** Made by `defineEvents()`: routes of these events are validated and typed. */
  events?: E & EventsDeclaration;
}

/** The events of each namespace, by its name; `unknown` where none are declared. */
export type EventsByNamespace = Readonly<Record<string, unknown>>;

/** Options of `createSocketApp()`. All are optional. */
export interface SocketAppOptions<N extends EventsByNamespace = EventsByNamespace>
  extends LevelOptions {
  namespaces?: { readonly [K in keyof N]: NamespaceOptions<N[K]> };
  controllers?: readonly ControllerClass[];
  /** Makes a controller for a connection. Default: `new Class()`. For containers. */
  createController?: (Class: ControllerClass, socket: Socket) => object | Promise<object>;
  /** Default: `console`. */
  logger?: Logger;
}

/** Options of `@WSController()` and `@OnWSConnection()`. */
export interface ControllerOptions {
  /** For connections to the namespace; of a controller, also for the messages that it handles. */
  middleware?: readonly Middleware[];
}

/** Options of a route. All are optional. */
export interface RouteOptions<A extends Schemas | undefined = Schemas | undefined> {
  /** For this event only; of `connection` handlers, it may reject the connection. */
  middleware?: readonly Middleware[];
  /** A schema for each argument; instead of those that the namespace's events declare. */
  args?: A;
  /** Emits what the handler returns to the client, unless the client passed a callback. */
  emit?: string | readonly string[];
  /** Emits what the handler returns to everybody in the namespace, the client included. */
  broadcast?: string | readonly string[];
}

/** Options of `@OnWSMessage()`. */
export interface MessageOptions<A extends Schemas | undefined>
  extends Pick<RouteOptions<A>, "middleware" | "args"> {}
