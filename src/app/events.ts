import type { Socket } from "socket.io";
import type { Context } from "./context.js";
import type { ErrorReply } from "./event-error.js";
import type { InputOf, OutputOf, StandardSchema } from "./standard-schema.js";

/** An event: a schema for each argument, and one for what the acknowledgement says. */
export interface EventDeclaration {
  /** Default: no arguments. */
  readonly args?: readonly StandardSchema[];
  /** Only its type counts: what the server itself answers is not validated. */
  readonly ack?: StandardSchema;
}

/** The events of a namespace, as the server sees them. */
export interface EventsDeclaration {
  /** What clients send. */
  readonly listen?: Readonly<Record<string, EventDeclaration>>;
  /** What the server sends. */
  readonly emit?: Readonly<Record<string, EventDeclaration>>;
}

/** Declares events once: validation, the types of handlers, and {@link ClientOf} follow. */
export function defineEvents<const E extends EventsDeclaration>(events: E): E {
  return events;
}

/** A type without validation, where a schema is expected: `typed<string>()`. */
export function typed<T>(): StandardSchema<T> {
  const validate = (value: unknown) => ({ value: value as T });
  return { "~standard": { version: 1, vendor: "socket-supervisor", validate } };
}

/** Events of the socket itself. A client cannot send them, nor can it set off their handlers. */
export interface SystemEvents {
  /** It is connected. Its packets wait until these handlers have finished. */
  connection: [socket: Socket];
  /** It is about to leave its rooms: `ctx.socket.rooms` still has them. */
  disconnecting: [reason: string, description?: unknown];
  /** It is gone. Called once the `connection` handlers have finished. */
  disconnect: [reason: string, description?: unknown];
  /** A packet that could not be read, or the error of a middleware or handler. */
  error: [error: Error];
}

export const SYSTEM_EVENTS = ["connection", "disconnecting", "disconnect", "error"] as const;
export type SystemEvent = keyof SystemEvents;

type Listen<E> = E extends { readonly listen: infer L } ? L : Record<never, never>;
type Emit<E> = E extends { readonly emit: infer M } ? M : Record<never, never>;
type Args<D> = D extends { readonly args: infer A extends readonly StandardSchema[] } ? A : [];
type AckIs<D, Declared, Undeclared> = D extends { readonly ack: StandardSchema }
  ? Declared
  : Undeclared;
type Answer<D> = D extends { readonly ack: infer S } ? OutputOf<S> : never;

export type Inputs<A extends readonly StandardSchema[]> = {
  -readonly [I in keyof A]: InputOf<A[I]>;
};
export type Outputs<A extends readonly StandardSchema[]> = {
  -readonly [I in keyof A]: OutputOf<A[I]>;
};

/** The arguments of one event that clients send, as its handler gets them. */
export type ArgsOf<E extends EventsDeclaration, K extends keyof Listen<E>> = Outputs<
  Args<Listen<E>[K]>
>;
/** What the handler of one event answers. */
export type AckOf<E extends EventsDeclaration, K extends keyof Listen<E>> = Answer<Listen<E>[K]>;

/** Socket.IO's maps of listeners: `Received` of those who listen to `M`, from what others send. */
type ListenerMap<M, Failure = never> = {
  [K in keyof M]: (
    ...args: [
      ...Inputs<Args<M[K]>>,
      ...AckIs<M[K], [ack: (answer: Answer<M[K]> | Failure) => void], []>,
    ]
  ) => void;
};

/** The server's socket for these events; Socket.IO's own type when none are declared. */
export type SocketOf<E extends EventsDeclaration> = EventsDeclaration extends E
  ? Socket
  : Socket<ListenerMap<Listen<E>>, ListenerMap<Emit<E>>>;

interface FailureEvent {
  /** A packet without a callback failed. */
  error: (reply: ErrorReply) => void;
}

/**
 * Both maps of a client for these events, for socket.io-client's
 * `Socket<ClientOf<typeof events>["listen"], ClientOf<typeof events>["emit"]>`.
 */
export interface ClientOf<E extends EventsDeclaration> {
  listen: ListenerMap<Emit<E>> & FailureEvent;
  emit: ListenerMap<Listen<E>, ErrorReply>;
}

/** The events that can be routed: any, when none are declared. */
export type RouteName<E extends EventsDeclaration> = EventsDeclaration extends E
  ? string
  : (keyof Listen<E> & string) | SystemEvent;

type Handle<E extends EventsDeclaration, A extends readonly unknown[], R> = (
  this: Context<SocketOf<E>>,
  ctx: Context<SocketOf<E>>,
  ...args: A
) => R;

/**
 * A handler: it gets the context (also as `this`) and the arguments. What it returns is the
 * acknowledgement. Where no events are declared, write the types of the arguments yourself.
 */
export type Handler<E extends EventsDeclaration, K extends string> = K extends SystemEvent
  ? Handle<E, SystemEvents[K], unknown>
  : K extends keyof Listen<E>
    ? Handle<
        E,
        Outputs<Args<Listen<E>[K]>>,
        AckIs<Listen<E>[K], Answer<Listen<E>[K]> | Promise<Answer<Listen<E>[K]>>, unknown>
      >
    : Handle<E, never[], unknown>;
