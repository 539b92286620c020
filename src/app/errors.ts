import { SupervisorError } from "../errors.js";

/**
 * An error that is meant for the client: code, message and data reach it. Of any other error a
 * handler throws, the client learns no more than `INTERNAL`.
 */
export class EventError extends Error {
  constructor(
    /** For programs. The layer's own are `INTERNAL`, `VALIDATION` and `REJECTED`. */
    readonly code: string,
    message: string,
    /** Anything that Socket.IO can send. Left out when `undefined`. */
    readonly data?: unknown,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "EventError";
  }
}

/**
 * What a client gets when its event failed: as the acknowledgement, or as the event `error` if it
 * passed no callback.
 */
export interface ErrorReply {
  error: {
    code: string;
    message: string;
    /** Which event failed. */
    event: string;
    /** That of the {@link EventError}; of `VALIDATION`, an array of {@link ValidationIssue}. */
    data?: unknown;
  };
}

export function errorReply(error: Error, event: string): ErrorReply {
  const told = error instanceof EventError ? error : new EventError("INTERNAL", "Internal error");
  const { code, message, data } = told;
  return { error: data === undefined ? { code, message, event } : { code, message, event, data } };
}

/** Whatever was thrown, as an error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`Thrown: ${String(thrown)}`);
}

/** Routes, controllers or middleware are put together in a way that cannot work. */
export function misuse(message: string): SupervisorError {
  return new SupervisorError("ERR_SUPERVISOR_APP", message);
}
