import type { Namespace, Socket } from "socket.io";
import { OptionError } from "../errors.js";
import type { EventsDeclaration, Handler, RouteName } from "./events.js";
import {
  functions,
  knownOptions,
  type NamespaceOptions,
  optionalFunction,
  type RouteOptions,
  schemas,
} from "./options.js";
import { type AnyHandler, RouteTable } from "./route-table.js";
import { Session, type Shared } from "./session.js";

/** A namespace, or all that a RegExp matches, with its routes. */
export class AppNamespace<E extends EventsDeclaration = EventsDeclaration> {
  /** Socket.IO's; of a RegExp, the parent of those that match. */
  readonly nsp: Namespace;
  /** @internal */
  readonly table: RouteTable;
  readonly #events: NonNullable<EventsDeclaration["listen"]>;

  /** @internal Use `app.of()`. */
  constructor(shared: Shared, name: string | RegExp, options: NamespaceOptions<E> = {}) {
    const path = `namespaces.${name}`;
    knownOptions(path, options, ["connectionMiddleware", "packetMiddleware", "onError", "events"]);
    const { connectionMiddleware, packetMiddleware, onError } = options;
    this.table = new RouteTable(
      String(name),
      functions(`${path}.connectionMiddleware`, connectionMiddleware),
      functions(`${path}.packetMiddleware`, packetMiddleware),
      optionalFunction(`${path}.onError`, onError),
    );
    this.#events = options.events?.listen ?? {};

    this.nsp = shared.app.io.of(name);
    const sessions = new WeakMap<Socket, Session>();
    this.nsp.use((socket, proceed) => {
      const session = new Session(shared, this.table, socket);
      sessions.set(socket, session);
      void session.admit(proceed);
    });
    const attach = (socket: Socket) => {
      // Without one it has passed no middleware: its state was recovered, or it was here first.
      const session = sessions.get(socket) ?? new Session(shared, this.table, socket);
      session.attach();
    };
    this.nsp.on("connection", attach);
    for (const socket of this.nsp.sockets.values()) attach(socket);
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
    knownOptions(path, options, ["middleware", "args", "emit", "broadcast"]);
    const declared = Object.hasOwn(this.#events, event) ? this.#events[event] : undefined;
    this.table.add(event, {
      handler: handler as AnyHandler,
      middleware: functions(`${path}.middleware`, options.middleware),
      args: schemas(`${path}.args`, options.args ?? (declared && (declared.args ?? []))),
      emit: [options.emit ?? []].flat(),
      broadcast: [options.broadcast ?? []].flat(),
    });
    return this;
  }
}
