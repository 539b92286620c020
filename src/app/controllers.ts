import type { Socket } from "socket.io";
import { CONTROLLER, checkOptions } from "./checks.js";
import type { App, Context } from "./context.js";
import { misuse } from "./errors.js";
import type { AppNamespace } from "./namespace.js";
import type {
  ControllerClass,
  ControllerOptions,
  RouteOptions,
  SocketAppOptions,
} from "./options.js";
import { onePerSocket } from "./session.js";

/** What the decorators of one method say. */
export interface MethodMarks {
  events: [event: string, options: RouteOptions][];
  emit: string[];
  broadcast: string[];
}

// Keyed by function: `context.metadata` needs a Symbol.metadata, which Node does not have.
export const methods = new WeakMap<object, MethodMarks>();
export const controllers = new WeakMap<object, [string | RegExp, ControllerOptions]>();

type Create = NonNullable<SocketAppOptions["createController"]>;
type Instance = Record<PropertyKey, (...args: never[]) => unknown> & { ctx?: Socket; app?: App };

const construct: Create = (Class) => new (Class as new () => object)();

/** Turns what the decorators of a class say into routes. */
export function mountController(
  app: App & { of(name: string | RegExp): AppNamespace },
  Class: ControllerClass,
  create: Create = construct,
): void {
  const marks = controllers.get(Class);
  if (!marks) throw misuse(`Class ${Class.name} has no @WSController().`);
  const [nsp, options] = marks;
  checkOptions(`@WSController() of ${Class.name}`, options, CONTROLLER);
  const { middleware = [] } = options;
  const namespace = app.of(nsp);
  const { table } = namespace;
  table.connectionMiddleware = [...table.connectionMiddleware, ...middleware];

  // `this.ctx` is the same for all calls of an instance.
  const instanceOf = onePerSocket((socket) => {
    const made = create(Class, socket) as Instance | Promise<Instance>;
    return whenMade(made, (own) => Object.assign(own, { ctx: socket, app: own.app ?? app }));
  });
  for (const [name, { events, emit, broadcast }] of markedMethods(Class)) {
    if (events.length === 0)
      throw misuse(`${Class.name}.${String(name)}() has no event to answer.`);
    const handler = ({ socket }: Context, ...args: never[]) =>
      whenMade(instanceOf(socket), (instance) => instance[name]?.(...args));
    for (const [event, { middleware: own = [], ...rest }] of events) {
      // For connections, the controller's runs with that of the namespace.
      const isMessage = event !== "connection" && event !== "disconnect";
      const both = [isMessage ? middleware : [], own].flat();
      namespace.route(event, handler, { ...rest, middleware: both, emit, broadcast });
    }
  }
}

/** At once if it can be: `disconnecting` handlers look at the rooms. */
function whenMade<T, R>(made: T | Promise<T>, use: (made: T) => R): R | Promise<R> {
  return made instanceof Promise ? made.then(use) : use(made);
}

/** Those of base classes included, except where a method of the same name hides them. */
function* markedMethods(Class: ControllerClass): Generator<[string | symbol, MethodMarks]> {
  const seen = new Set<string | symbol>();
  for (let holder = Class.prototype; holder; holder = Object.getPrototypeOf(holder)) {
    for (const name of Reflect.ownKeys(holder)) {
      if (seen.has(name)) continue;
      seen.add(name);
      const marks = methods.get(Object.getOwnPropertyDescriptor(holder, name)?.value);
      if (marks) yield [name, marks];
    }
  }
}
