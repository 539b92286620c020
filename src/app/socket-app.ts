import type { Server } from "socket.io";
import { OptionError } from "../errors.js";
import { errorText } from "../options/checks.js";
import { APP, checkOptions, functions } from "./checks.js";
import type { App, Context, Middleware } from "./context.js";
import { mountController } from "./controllers.js";
import { EventError, misuse } from "./errors.js";
import type { EventsDeclaration } from "./events.js";
import { AppNamespace } from "./namespace.js";
import type {
  ControllerClass,
  EventsByNamespace,
  NamespaceOptions,
  SocketAppOptions,
} from "./options.js";
import type { Shared } from "./session.js";

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
    checkOptions("options", options, APP, "");
    const { connectionMiddleware = [], packetMiddleware = [], controllers = [] } = options;
    const log = options.logger ?? console;
    const logError = (error: Error, { event, socket }: Context) => {
      if (error instanceof EventError) return; // an answer, not a fault
      const where = `"${event}" of socket ${socket.id} (${socket.nsp.name})`;
      log.error(`Error in ${where}: ${errorText(error)}`);
    };
    this.io = io;
    this.#createController = options.createController;
    this.#shared = {
      app: this,
      connectionMiddleware: [...connectionMiddleware],
      packetMiddleware: [...packetMiddleware],
      onError: options.onError ?? logError,
      logger: log,
    };
    for (const [name, own] of Object.entries(options.namespaces ?? {})) this.of(name, own);
    this.useControllers(...controllers);
  }

  /**
   * A namespace: always the same for the same name. Options are given the first time only.
   *
   * @throws SupervisorError `ERR_SUPERVISOR_APP` for options that come too late, and for a name
   *   that a RegExp of this app matches: name it first, then it is none of the RegExp's
   */
  of<K extends keyof N & string>(name: K): AppNamespace<EventsOf<N[K]>>;
  of<E extends EventsDeclaration>(
    name: string | RegExp,
    options?: NamespaceOptions<E>,
  ): AppNamespace<E>;
  of(name: string | RegExp, options?: NamespaceOptions): AppNamespace {
    const isPattern = name instanceof RegExp;
    const key = isPattern || name.startsWith("/") ? String(name) : `/${name}`;
    const known = this.#namespaces.get(key);
    if (known && options)
      throw misuse(`Namespace "${key}" has been set up: give its options the first time.`);
    if (known) return known;
    const pattern = isPattern ? undefined : this.#patterns.find((regexp) => regexp.test(key));
    if (pattern) throw misuse(`Namespace "${key}" is one of ${pattern}: name it first.`);
    const made = new AppNamespace(this.#shared, isPattern ? name : key, options);
    this.#namespaces.set(key, made);
    if (isPattern) this.#patterns.push(name);
    return made;
  }

  /** Middleware for connections of all namespaces of the app, before their own. */
  useConnectionMiddleware(...middleware: Middleware[]): this {
    functions("middleware", middleware);
    this.#shared.connectionMiddleware = [...this.#shared.connectionMiddleware, ...middleware];
    return this;
  }

  /** Middleware for packets of all namespaces of the app, before their own. */
  useMiddleware(...middleware: Middleware[]): this {
    functions("middleware", middleware);
    this.#shared.packetMiddleware = [...this.#shared.packetMiddleware, ...middleware];
    return this;
  }

  /**
   * Adds classes with `@WSController()`.
   *
   * @throws SupervisorError `ERR_SUPERVISOR_APP`
   */
  useControllers(...controllers: ControllerClass[]): this {
    functions("controllers", controllers);
    for (const Class of controllers) mountController(this, Class, this.#createController);
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
  if (served.has(io)) throw misuse("This Socket.IO server has an app already.");
  const app = new SocketApp(io, options);
  served.add(io);
  return app;
}
