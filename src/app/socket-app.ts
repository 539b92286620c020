import type { Server } from "socket.io";
import { OptionError } from "../errors.js";
import { logger } from "../option-checks.js";
import type { App, Context, Middleware } from "./context.js";
import { mountController } from "./controllers.js";
import { EventError } from "./event-error.js";
import type { EventsDeclaration } from "./events.js";
import { misuse } from "./misuse.js";
import { AppNamespace } from "./namespace.js";
import {
  type ControllerClass,
  type EventsByNamespace,
  functions,
  knownOptions,
  type NamespaceOptions,
  optionalFunction,
  type SocketAppOptions,
} from "./options.js";
import type { Shared } from "./session.js";

const OPTIONS = ["namespaces", "controllers", "createController", "connectionMiddleware"];
OPTIONS.push("packetMiddleware", "onError", "logger");

/** A server has one app: two would run the middleware for all namespaces twice. */
const served = new WeakSet<Server>();

type EventsOf<E> = E extends EventsDeclaration ? E : EventsDeclaration;

/** Namespaces with middleware, routes and controllers, on a Socket.IO server. */
export class SocketApp<N extends EventsByNamespace = EventsByNamespace> implements App {
  readonly io: Server;
  readonly #shared: Shared;
  readonly #createController: SocketAppOptions["createController"];
  readonly #namespaces = new Map<string, AppNamespace>();
  readonly #patterns: RegExp[] = [];

  /** @internal Use `createSocketApp()`. */
  constructor(io: Server, options: SocketAppOptions<N>) {
    const log = logger("logger", options.logger);
    const logError = (error: Error, { event, socket }: Context) => {
      if (error instanceof EventError) return; // an answer, not a fault
      log.error(`Error in "${event}" of socket ${socket.id} (${socket.nsp.name}):`, error);
    };
    this.io = io;
    this.#createController = optionalFunction("createController", options.createController);
    this.#shared = {
      app: this,
      connectionMiddleware: functions("connectionMiddleware", options.connectionMiddleware),
      packetMiddleware: functions("packetMiddleware", options.packetMiddleware),
      onError: optionalFunction("onError", options.onError) ?? logError,
      logger: log,
    };
    for (const [name, own] of Object.entries(options.namespaces ?? {})) this.of(name, own);
    this.useControllers(...functions("controllers", options.controllers));
  }

  /**
   * A namespace: always the same for the same name.
   *
   * @param options only the first time
   * @throws SupervisorError `ERR_SUPERVISOR_APP` for options that come too late, and for a name
   *   that a RegExp of this app matches: name it first, then it is none of the RegExp's
   */
  of<K extends keyof N & string>(name: K): AppNamespace<EventsOf<N[K]>>;
  of<E extends EventsDeclaration>(
    name: string | RegExp,
    options?: NamespaceOptions<E>,
  ): AppNamespace<E>;
  of(name: string | RegExp, options?: NamespaceOptions): AppNamespace {
    const key = typeof name === "string" && !name.startsWith("/") ? `/${name}` : String(name);
    const known = this.#namespaces.get(key);
    const pattern = known ? undefined : this.#patterns.find((regexp) => regexp.test(key));
    let why: string | undefined;
    if (known && options) why = "has been set up: give its options the first time";
    if (pattern && !(name instanceof RegExp)) why = `is one of ${pattern}: name it first`;
    if (why !== undefined) throw misuse(`Namespace "${key}" ${why}.`);
    if (known) return known;
    const made = new AppNamespace(this.#shared, name instanceof RegExp ? name : key, options);
    this.#namespaces.set(key, made);
    if (name instanceof RegExp) this.#patterns.push(name);
    return made;
  }

  /** Middleware for connections of all namespaces of the app, before their own. */
  useConnectionMiddleware(...middleware: Middleware[]): this {
    this.#shared.connectionMiddleware.push(...functions("middleware", middleware));
    return this;
  }

  /** Middleware for packets of all namespaces of the app, before their own. */
  useMiddleware(...middleware: Middleware[]): this {
    this.#shared.packetMiddleware.push(...functions("middleware", middleware));
    return this;
  }

  /**
   * Adds classes with `@WSController()`.
   *
   * @throws SupervisorError `ERR_SUPERVISOR_APP`
   */
  useControllers(...controllers: ControllerClass[]): this {
    for (const Class of functions("controllers", controllers))
      mountController(this, Class, this.#createController);
    return this;
  }
}

/**
 * Puts an app on a Socket.IO server, with or without a cluster.
 *
 * @throws SupervisorError `ERR_SUPERVISOR_APP` if the server has one
 * @throws OptionError
 */
export function createSocketApp<N extends EventsByNamespace = Record<never, never>>(
  io: Server,
  options: SocketAppOptions<N> = {},
): SocketApp<N> {
  if (typeof io?.of !== "function") throw new OptionError("io", io, "a Socket.IO server");
  knownOptions("options", options, OPTIONS);
  if (served.has(io)) throw misuse("This Socket.IO server has an app already.");
  const app = new SocketApp(io, options);
  served.add(io);
  return app;
}
