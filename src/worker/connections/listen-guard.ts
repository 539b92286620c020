import type { Server as HttpServer } from "node:http";
import { SupervisorError } from "../../errors.js";

/**
 * Refuses a server that listens by itself, or is about to: node:cluster would open a port of its
 * own in the primary and give its connections to any worker, so that half of the sessions fail.
 *
 * @throws SupervisorError `ERR_SUPERVISOR_LISTENING`; from then on `server.listen()` throws it
 */
export function refuseListening(server: HttpServer): void {
  refuseStartedListening(server);
  // listen() was called, and the primary has not answered yet.
  server.once("listening", failLate);
  server.listen = refuse;
}

/**
 * Once the primary has answered anything that was sent after `listen()`, this sees whether there
 * was one. `failLate` throws where nobody can catch it, and an application may go on after that.
 *
 * @throws SupervisorError `ERR_SUPERVISOR_LISTENING`
 */
export function refuseStartedListening(server: HttpServer): void {
  if (server.listening) throw listeningError();
}

function failLate(): never {
  throw listeningError();
}

function refuse(): never {
  throw listeningError();
}

function listeningError(): SupervisorError {
  return new SupervisorError(
    "ERR_SUPERVISOR_LISTENING",
    "The HTTP server of setupWorker(io) must not listen(): the primary listens, and hands its " +
      "connections over. Leave the call out of the worker. With NestJS call app.init() instead of " +
      "app.listen(), with Fastify app.ready(), with Express and Koa createServer(app) or " +
      "createServer(app.callback()); with Midway configure no port.",
  );
}
