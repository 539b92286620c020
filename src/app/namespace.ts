import type { Namespace } from "socket.io";
import { OptionError } from "../errors.js";
import { checkOptions, NAMESPACE, ROUTE, schemas } from "./checks.js";
import { misuse } from "./errors.js";
import type { EventsDeclaration, Handler, RouteName, Schemas } from "./events.js";
import type { NamespaceOptions, RouteOptions } from "./options.js";
import { onePerSocket, type Route, type RouteTable, Session, type Shared } from "./session.js";

/** Socket.IO keeps these to itself: they would never arrive. */
const NEVER_ARRIVE = ["connect", "connect_error", "newListener", "removeListener"];

/** A namespace, or all that a RegExp matches, with its routes. */
export class AppNamespace<E extends EventsDeclaration = EventsDeclaration> {
  /** Socket.IO's; of a RegExp, the parent of those that match. */
  readonly nsp: Namespace;
  /** @internal */
  readonly table: RouteTable;
  readonly #name: string;
  /** The schemas of declared events. */
  readonly #args = new Map<string, Schemas>();

  /** @internal Use `app.of()`. */
  constructor(shared: Shared, name: string | RegExp, options: NamespaceOptions<E> = {}) {
    const path = `namespaces.${name}`;
    checkOptions(path, options, NAMESPACE);
    const { connectionMiddleware = [], packetMiddleware = [], onError, events } = options;
    for (const [event, { args = [] }] of Object.entries(events?.listen ?? {})) {
      schemas(`${path}.events.listen.${event}.args`, args);
      this.#args.set(event, args);
    }
    this.#name = String(name);
    this.table = {
      connectionMiddleware: [...connectionMiddleware],
      packetMiddleware: [...packetMiddleware],
      onError: onError ?? shared.onError,
      events: new Map(),
      system: { connection: [], disconnecting: [], disconnect: [], error: [] },
    };

    this.nsp = shared.app.io.of(name);
    const sessionOf = onePerSocket((socket) => new Session(shared, this.table, socket));
    this.nsp.use((socket, proceed) => {
      const session = sessionOf(socket);
      session.admit(proceed).catch(session.failed);
    });
    // Sockets whose state was recovered, or that were here first, have passed no middleware.
    this.nsp.on("connection", (socket) => sessionOf(socket).attach());
    for (const socket of this.nsp.sockets.values()) sessionOf(socket).attach();
  }

  /**
   * Handles an event, from now on also for the clients that are connected already.
   *
   * @throws SupervisorError `ERR_SUPERVISOR_APP` if the event has a handler, or is reserved
   * @throws OptionError
   */
  route<K extends RouteName<E>>(
    event: K,
    handler: Handler<E, K>,
    options: RouteOptions = {},
  ): this {
    const path = `route(${JSON.stringify(event)})`;
    if (typeof event !== "string") throw new OptionError("event", event, "a string");
    if (typeof handler !== "function")
      throw new OptionError(`${path}.handler`, handler, "a function");
    checkOptions(path, options, ROUTE);
    const { middleware = [], args = this.#args.get(event), emit = [], broadcast = [] } = options;
    const route: Route = {
      handler: handler as Route["handler"],
      middleware: [...middleware],
      args,
      emit: [emit].flat(),
      broadcast: [broadcast].flat(),
    };

    const { events, system } = this.table;
    const where = `Event "${event}" of namespace "${this.#name}"`;
    if (Object.hasOwn(system, event)) {
      if (args) throw misuse(`${where} comes from the socket itself: it takes no schemas.`);
      system[event as keyof typeof system].push(route);
      return this;
    }
    if (NEVER_ARRIVE.includes(event)) throw misuse(`${where} is reserved by Socket.IO.`);
    if (events.has(event)) throw misuse(`${where} has a handler already.`);
    events.set(event, route);
    return this;
  }
}
