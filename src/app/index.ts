export { type App, Context, currentContext, type Middleware } from "./context.js";
export {
  type ControllerOptions,
  type HandlerDecorator,
  type MessageOptions,
  OnWSConnection,
  OnWSDisConnection,
  OnWSMessage,
  WSBroadCast,
  WSController,
  WSEmit,
} from "./decorators.js";
export { type ErrorReply, EventError } from "./event-error.js";
export {
  type AckOf,
  type ArgsOf,
  type ClientOf,
  defineEvents,
  type EventDeclaration,
  type EventsDeclaration,
  type Handler,
  type RouteName,
  type SocketOf,
  type SystemEvents,
  typed,
} from "./events.js";
export type { AppNamespace } from "./namespace.js";
export type {
  ControllerClass,
  EventsByNamespace,
  NamespaceOptions,
  RouteOptions,
  SocketAppOptions,
} from "./options.js";
export type { ErrorListener } from "./route-table.js";
export { createSocketApp, type SocketApp } from "./socket-app.js";
export type { StandardSchema } from "./standard-schema.js";
export type { ValidationIssue } from "./validate.js";
