import type { Socket } from "socket.io";
import type { App, Context } from "./context.js";
import { type MethodMarks, markOfController, marksOfMethod } from "./decorators.js";
import { misuse } from "./misuse.js";
import type { AppNamespace } from "./namespace.js";
import { type ControllerClass, knownOptions, type SocketAppOptions } from "./options.js";

type Create = NonNullable<SocketAppOptions["createController"]>;
type Instance = Record<string | symbol, (...args: never[]) => unknown> & {
  ctx?: Socket;
  app?: App;
};

interface Host extends App {
  of(name: string | RegExp): AppNamespace;
}

const construct: Create = (Class) => new (Class as new () => object)();

/** Turns what the decorators of a class say into routes. */
export function mountController(
  app: Host,
  Class: ControllerClass,
  create: Create = construct,
): void {
  const mark = markOfController(Class);
  if (!mark) throw misuse(`Class ${Class.name} has no @WSController().`);
  knownOptions(`@WSController() of ${Class.name}`, mark.options, ["middleware"]);
  const { middleware = [] } = mark.options;
  const namespace = app.of(mark.namespace);
  namespace.table.connectionMiddleware.push(...middleware);

  // One instance for each connection: `this.ctx` is the same for all of its calls.
  const instances = new WeakMap<Socket, Instance | Promise<Instance>>();
  const instanceFor = (socket: Socket): Instance | Promise<Instance> => {
    const known = instances.get(socket);
    if (known) return known;
    const own = (made: object): Instance => {
      const instance = made as Instance;
      instance.ctx = socket;
      instance.app ??= app;
      return instance;
    };
    const made = create(Class, socket);
    const instance = made instanceof Promise ? made.then(own) : own(made);
    instances.set(socket, instance);
    return instance;
  };

  for (const [name, { events, emit, broadcast }] of markedMethods(Class)) {
    if (events.length === 0)
      throw misuse(`${Class.name}.${String(name)}() has no event to answer.`);
    for (const { event, options } of events) {
      const handler = (ctx: Context, ...args: never[]) => {
        const call = (instance: Instance) => instance[name]?.(...args);
        const instance = instanceFor(ctx.socket);
        // At once if it can be: `disconnecting` handlers look at the rooms.
        return instance instanceof Promise ? instance.then(call) : call(instance);
      };
      const isConnection = event === "connection"; // the controller's own are the namespace's then
      const before = event === "disconnect" || isConnection ? [] : middleware;
      namespace.route(event, handler, {
        ...options,
        middleware: [...before, ...(options.middleware ?? [])],
        ...{ emit, broadcast },
      });
    }
  }
}

/** Those of base classes included, except where a method of the same name hides them. */
function* markedMethods(Class: ControllerClass): Generator<[string | symbol, MethodMarks]> {
  const seen = new Set<string | symbol>();
  for (let holder = Class.prototype; holder; holder = Object.getPrototypeOf(holder)) {
    for (const name of Reflect.ownKeys(holder)) {
      if (seen.has(name)) continue;
      seen.add(name);
      const method: unknown = Object.getOwnPropertyDescriptor(holder, name)?.value;
      const marks = typeof method === "function" ? marksOfMethod(method) : undefined;
      if (marks) yield [name, marks];
    }
  }
}
