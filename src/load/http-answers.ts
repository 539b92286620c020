import { subscribe } from "node:diagnostics_channel";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Counts } from "./result.js";
import { count } from "./tally.js";

/**
 * Counts each HTTP answer to this process by its status, whatever the client makes of it: a `400`
 * that socket.io-client hides behind a reconnect is counted too.
 */
export function countHttpAnswers(counts: () => Counts["http"]): void {
  subscribe("http.client.response.finish", (message) => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    const isOfSession = /[?&]sid=/.test(request.path);
    count(counts()[isOfSession ? "sessions" : "handshakes"], String(response.statusCode));
  });
}
