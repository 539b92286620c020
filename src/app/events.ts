import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Socket } from "socket.io";
import type { Context } from "./context.js";
import { type ErrorReply, EventError } from "./errors.js";

/** A schema for each argument. */
export type Schemas = readonly StandardSchemaV1[];

/** An event: a schema for each argument, and one for what the acknowledgement says. */
export interface EventDeclaration {
  /** Default: no arguments. */
  readonly args?: Schemas;
  /** Only its type counts: what the server itself answers is not validated. */
  readonly ack?: StandardSchemaV1;
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
export function typed<T>(): StandardSchemaV1<T> {
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

type Listen<E> = E extends { readonly listen: infer L } ? L : Record<never, never>;
type Emit<E> = E extends { readonly emit: infer M } ? M : Record<never, never>;
type Args<D> = D extends { readonly args: infer A extends Schemas } ? A : [];
/** The acknowledgement of an event, or `None` if it declares none. */
type Ack<D, None = never> = D extends { readonly ack: infer S extends StandardSchemaV1 }
  ? StandardSchemaV1.InferOutput<S>
  : None;

/** What clients may send. */
type Inputs<A extends Schemas> = { -readonly [I in keyof A]: StandardSchemaV1.InferInput<A[I]> };
/** What handlers get. */
export type Outputs<A extends Schemas> = {
  -readonly [I in keyof A]: StandardSchemaV1.InferOutput<A[I]>;
};

/** The arguments of one event that clients send, as its handler gets them. */
export type ArgsOf<E extends EventsDeclaration, K extends keyof Listen<E>> = Outputs<
  Args<Listen<E>[K]>
>;
/** What the handler of one event answers. */
export type AckOf<E extends EventsDeclaration, K extends keyof Listen<E>> = Ack<Listen<E>[K]>;

/** Socket.IO's map of listeners to the events of `M`. `Failure` is another answer they may get. */
type ListenerMap<M, Failure = never> = {
  [K in keyof M]: (...args: [...Inputs<Args<M[K]>>, ...AckCallback<M[K], Failure>]) => void;
};
type AckCallback<D, Failure> = D extends { readonly ack: StandardSchemaV1 }
  ? [ack: (answer: Ack<D> | Failure) => void]
  : [];

/** The server's socket for these events; Socket.IO's own type when none are declared. */
export type SocketOf<E extends EventsDeclaration> = EventsDeclaration extends E
  ? Socket
  : Socket<ListenerMap<Listen<E>>, ListenerMap<Emit<E>>>;

/**
 * Both maps of a client for these events, for socket.io-client's
 * `Socket<ClientOf<typeof events>["listen"], ClientOf<typeof events>["emit"]>`.
 */
export interface ClientOf<E extends EventsDeclaration> {
  /** `error`: a packet without a callback failed. */
  listen: ListenerMap<Emit<E>> & { error: (reply: ErrorReply) => void };
  emit: ListenerMap<Listen<E>, ErrorReply>;
}

/** The events that can be routed: any, when none are declared. */
export type RouteName<E extends EventsDeclaration> = EventsDeclaration extends E
  ? string
  : (keyof Listen<E> & string) | keyof SystemEvents;

/** The context of a handler for these events. */
type ContextOf<E extends EventsDeclaration> = Context<SocketOf<E>>;
type Handle<C, A extends readonly unknown[], R> = (this: C, ctx: C, ...args: A) => R | Promise<R>;

/**
 * A handler: it gets the context (also as `this`) and the arguments. What it returns is the
 * acknowledgement. Where no events are declared, write the types of the arguments yourself.
 */
export type Handler<E extends EventsDeclaration, K extends string> = K extends keyof SystemEvents
  ? Handle<ContextOf<E>, SystemEvents[K], unknown>
  : K extends keyof Listen<E>
    ? Handle<ContextOf<E>, ArgsOf<E, K>, Ack<Listen<E>[K], unknown>>
    : Handle<ContextOf<E>, never[], unknown>;

/** One thing that is wrong with the arguments of a packet. */
export interface ValidationIssue {
  message: string;
  /** The argument's index, then the way to the value inside it. */
  path: (string | number)[];
}

/**
 * Puts what the schemas make of the arguments in their place.
 *
 * @internal
 * @throws EventError `VALIDATION`
 */
export async function validateArgs(ctx: Context, schemas: Schemas): Promise<void> {
  const callback = ctx.ack && ctx.args.at(-1) === ctx.ack ? [ctx.ack] : [];
  const given = ctx.args.slice(0, ctx.args.length - callback.length);
  const results = await Promise.all(
    schemas.map(async (schema, index) => schema["~standard"].validate(given[index])),
  );
  const issues = results.flatMap(({ issues = [] }, index) =>
    issues.map((issue) => ({ message: issue.message, path: pathOf(index, issue) })),
  );
  for (let index = schemas.length; index < given.length; index++) {
    issues.push({ message: "Unexpected argument", path: [index] });
  }
  if (issues.length > 0) {
    throw new EventError("VALIDATION", "The arguments are not as declared", issues);
  }
  ctx.args = [...results.map((result) => (result.issues ? undefined : result.value)), ...callback];
}

function pathOf(index: number, { path = [] }: StandardSchemaV1.Issue): ValidationIssue["path"] {
  const keys = path.map((part) => (typeof part === "object" ? part.key : part));
  return [index, ...keys.map((key) => (typeof key === "symbol" ? String(key) : key))];
}
