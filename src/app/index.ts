export type { StandardSchemaV1 as StandardSchema } from "@standard-schema/spec";
export { type App, Context, currentContext, type Middleware } from "./context.js";
export * from "./decorators.js";
export { type ErrorReply, EventError } from "./errors.js";
export type * from "./events.js";
export { defineEvents, typed } from "./events.js";
export type { AppNamespace } from "./namespace.js";
export type * from "./options.js";
export { createSocketApp, type SocketApp } from "./socket-app.js";
