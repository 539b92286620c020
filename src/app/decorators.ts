import { controllers, type MethodMarks, methods } from "./controllers.js";
import { misuse } from "./errors.js";
import type { Outputs, Schemas } from "./events.js";
import type { ControllerClass, ControllerOptions, MessageOptions } from "./options.js";

/**
 * A decorator of methods, as the standard has it (TC39, TypeScript 5 and later), and as
 * TypeScript's `experimentalDecorators` has it.
 */
export interface HandlerDecorator<Args extends readonly unknown[] = never[]> {
  (method: (...args: Args) => unknown, context: ClassMethodDecoratorContext): void;
  (prototype: object, name: string | symbol, descriptor: PropertyDescriptor): void;
}

/**
 * A class whose methods handle events of a namespace. It gets an instance for each connection, with
 * `this.ctx` (the socket) and `this.app`.
 *
 * @param namespace default: `"/"`
 */
export function WSController(namespace: string | RegExp = "/", options: ControllerOptions = {}) {
  return (Class: ControllerClass, _context?: ClassDecoratorContext): void => {
    controllers.set(Class, [namespace, options]);
  };
}

/** Calls the method with the socket, once it is connected. */
export function OnWSConnection(options: ControllerOptions = {}) {
  return decorator("OnWSConnection", (marks) => marks.events.push(["connection", options]));
}

/** Calls the method with the reason, once the socket is gone. */
export function OnWSDisConnection() {
  return decorator("OnWSDisConnection", (marks) => marks.events.push(["disconnect", {}]));
}

/** Calls the method with the arguments of each such event; what it returns is the acknowledgement. */
export function OnWSMessage<const A extends Schemas | undefined = undefined>(
  event: string,
  options: MessageOptions<A> = {},
): HandlerDecorator<A extends Schemas ? Outputs<A> : never[]> {
  return decorator("OnWSMessage", (marks) => marks.events.push([event, options]));
}

/** Emits what the method returns to the client, unless the client passed a callback. */
export function WSEmit(event: string) {
  return decorator("WSEmit", (marks) => marks.emit.push(event));
}

/** Emits what the method returns to everybody in the namespace, the client included. */
export function WSBroadCast(event: string) {
  return decorator("WSBroadCast", (marks) => marks.broadcast.push(event));
}

/** The standard's, or `experimentalDecorators`' name of the method. */
type MethodContext = ClassMethodDecoratorContext | string | symbol;

function decorator(name: string, mark: (marks: MethodMarks) => void): HandlerDecorator {
  return (target: unknown, context: MethodContext, descriptor?: PropertyDescriptor): void => {
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
      const what = `@${name}() marked "${String(context.name)}"`;
      throw misuse(`${what}, which another decorator then replaced: put @${name}() above it.`);
    });
  };
}
