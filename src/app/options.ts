import type { Socket } from "socket.io";
import { OptionError } from "../errors.js";
import { expectObject, type Logger } from "../option-checks.js";
import type { Middleware } from "./context.js";
import type { EventsDeclaration } from "./events.js";
import type { ErrorListener } from "./route-table.js";
import type { StandardSchema } from "./standard-schema.js";

/** A class with `@WSController()`. */
export type ControllerClass = new (...args: never[]) => object;

/** Options of a namespace. All are optional. */
export interface NamespaceOptions<E = EventsDeclaration> {
  /** Runs for each client that connects; see {@link Middleware}. */
  connectionMiddleware?: readonly Middleware[];
  /** Runs for each packet, also for those without a route. */
  packetMiddleware?: readonly Middleware[];
  /** Instead of the app's. */
  onError?: ErrorListener;
  /** Made by `defineEvents()`: routes of these events are validated and typed. */
  events?: E & EventsDeclaration;
}

/** The events of each namespace, by its name; `unknown` where none are declared. */
export type EventsByNamespace = Readonly<Record<string, unknown>>;

/** Options of `createSocketApp()`. All are optional. */
export interface SocketAppOptions<N extends EventsByNamespace = EventsByNamespace> {
  namespaces?: { readonly [K in keyof N]: NamespaceOptions<N[K]> };
  controllers?: readonly ControllerClass[];
  /** Makes a controller for a connection. Default: `new Class()`. For containers. */
  createController?: (Class: ControllerClass, socket: Socket) => object | Promise<object>;
  /** For connections of all namespaces of the app, before their own. */
  connectionMiddleware?: readonly Middleware[];
  /** For packets of all namespaces of the app, before their own. */
  packetMiddleware?: readonly Middleware[];
  /** Default: logs what is not an `EventError`, with event and socket id. */
  onError?: ErrorListener;
  /** Default: `console`. */
  logger?: Logger;
}

/** Options of a route. All are optional. */
export interface RouteOptions<
  A extends readonly StandardSchema[] | undefined = readonly StandardSchema[] | undefined,
> {
  /** For this event only; of `connection` handlers, it may reject the connection. */
  middleware?: readonly Middleware[];
  /** A schema for each argument; instead of those that the namespace's events declare. */
  args?: A;
  /** Emits what the handler returns to the client, unless the client passed a callback. */
  emit?: string | readonly string[];
  /** Emits what the handler returns to everybody in the namespace, the client included. */
  broadcast?: string | readonly string[];
}

/** @throws OptionError for an option of another name: it is a mistake, and would do nothing */
export function knownOptions(name: string, value: object, known: readonly string[]): void {
  expectObject(name, value);
  for (const [key, item] of Object.entries(value)) {
    if (known.includes(key)) continue;
    throw new OptionError(`${name}.${key}`, item, `one of these instead: ${known.join(", ")}`);
  }
}

/**
 * A copy of a list of middleware or classes; empty when there is none.
 *
 * @throws OptionError
 */
export function functions<F>(name: string, value: readonly F[] | undefined): F[] {
  const list: unknown = value ?? [];
  if (Array.isArray(list) && list.every((item) => typeof item === "function")) return [...list];
  throw new OptionError(name, value, "an array of functions");
}

/** @throws OptionError */
export function optionalFunction<F>(name: string, value: F): F {
  if (value === undefined || typeof value === "function") return value;
  throw new OptionError(name, value, "a function");
}

/** @throws OptionError */
export function schemas(name: string, value: unknown): readonly StandardSchema[] | undefined {
  if (value === undefined || (Array.isArray(value) && value.every(isSchema))) return value;
  throw new OptionError(name, value, "an array of Standard Schemas");
}

function isSchema(value: Partial<StandardSchema> | null | undefined): boolean {
  return typeof value?.["~standard"]?.validate === "function";
}
