import type { Middleware } from "./context.js";
import type { Outputs } from "./events.js";
import { misuse } from "./misuse.js";
import type { ControllerClass, RouteOptions } from "./options.js";
import type { StandardSchema } from "./standard-schema.js";

/**
 * A decorator of methods, as the standard has it (TC39, TypeScript 5 and later), and as
 * TypeScript's `experimentalDecorators` has it.
 */
export interface HandlerDecorator<Args extends readonly unknown[] = never[]> {
  (method: (...args: Args) => unknown, context: ClassMethodDecoratorContext): void;
  (prototype: object, name: string | symbol, descriptor: PropertyDescriptor): void;
}

export interface ControllerOptions {
  /** For connections to the namespace, and for the messages that this controller handles. */
  middleware?: readonly Middleware[];
}

export interface MessageOptions<A extends readonly StandardSchema[] | undefined> {
  middleware?: RouteOptions["middleware"];
  args?: A;
}

/** What the decorators of one method say. */
export interface MethodMarks {
  events: { event: string; options: RouteOptions }[];
  emit: string[];
  broadcast: string[];
}

export interface ControllerMark {
  namespace: string | RegExp;
  options: ControllerOptions;
}

// Keyed by function: `context.metadata` needs a Symbol.metadata, which Node does not have.
const methods = new WeakMap<object, MethodMarks>();
const controllers = new WeakMap<object, ControllerMark>();

export const marksOfMethod = (method: object): MethodMarks | undefined => methods.get(method);
export const markOfController = (Class: object): ControllerMark | undefined =>
  controllers.get(Class);

/**
 * A class whose methods handle events of a namespace. It gets an instance for each connection, with
 * `this.ctx` (the socket) and `this.app`.
 *
 * @param namespace default: `"/"`
 */
export function WSController(namespace: string | RegExp = "/", options: ControllerOptions = {}) {
  return (Class: ControllerClass, _context?: ClassDecoratorContext): void => {
    controllers.set(Class, { namespace, options });
  };
}

/** Calls the method with the socket, once it is connected. */
export function OnWSConnection(options: { middleware?: readonly Middleware[] } = {}) {
  return decorator("OnWSConnection", (marks) =>
    marks.events.push({ event: "connection", options }),
  );
}

/** Calls the method with the reason, once the socket is gone. */
export function OnWSDisConnection() {
  return decorator("OnWSDisConnection", (marks) =>
    marks.events.push({ event: "disconnect", options: {} }),
  );
}

/** Calls the method with the arguments of each such event; what it returns is the acknowledgement. */
export function OnWSMessage<const A extends readonly StandardSchema[] | undefined = undefined>(
  event: string,
  options: MessageOptions<A> = {},
): HandlerDecorator<A extends readonly StandardSchema[] ? Outputs<A> : never[]> {
  return decorator("OnWSMessage", (marks) => marks.events.push({ event, options }));
}

/** Emits what the method returns to the client, unless the client passed a callback. */
export function WSEmit(event: string) {
  return decorator("WSEmit", (marks) => marks.emit.push(event));
}

/** Emits what the method returns to everybody in the namespace, the client included. */
export function WSBroadCast(event: string) {
  return decorator("WSBroadCast", (marks) => marks.broadcast.push(event));
}

function decorator(name: string, mark: (marks: MethodMarks) => void): HandlerDecorator {
  return (
    target: unknown,
    context: ClassMethodDecoratorContext | string | symbol,
    descriptor?: PropertyDescriptor,
  ): void => {
    const isStandard = typeof context === "object";
    const method: unknown = isStandard ? target : descriptor?.value;
    const isOut = isStandard
      ? context.kind !== "method" || context.static || context.private
      : typeof target === "function";
    if (typeof method !== "function" || isOut) {
      throw misuse(`@${name}() is for methods of instances, by their name.`);
    }
    const marks = methods.get(method) ?? { events: [], emit: [], broadcast: [] };
    methods.set(method, marks);
    mark(marks);
    if (!isStandard) return;
    context.addInitializer(function (this: unknown) {
      // In base classes, too: a method of a subclass may hide this one.
      for (let holder = this; holder; holder = Object.getPrototypeOf(holder)) {
        if (Object.getOwnPropertyDescriptor(holder, context.name)?.value === method) return;
      }
      throw misuse(
        `@${name}() marked "${String(context.name)}", which another decorator then replaced: put @${name}() above it.`,
      );
    });
  };
}
