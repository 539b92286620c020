import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "socket.io-client";
import type { Test } from "tap";

const FINISHED = "http.client.response.finish";

/**
 * Everything that goes wrong for clients of this process, until the test ends: errors and
 * disconnections that they tell, and HTTP responses other than 2xx, which they may not tell (a
 * refused upgrade, say).
 */
export class Troubles {
  readonly seen: string[] = [];
  /** Responses with a status of 2xx. */
  responses = 0;

  constructor(t: Test) {
    const onFinish = (message: unknown) => {
      const { request, response } = message as {
        request: ClientRequest;
        response: IncomingMessage;
      };
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) this.responses++;
      else this.seen.push(`${status} ${request.method} ${request.path}`);
    };
    subscribe(FINISHED, onFinish);
    t.teardown(() => unsubscribe(FINISHED, onFinish));
  }

  watch(socket: Socket): void {
    socket.on("disconnect", (reason) => {
      if (reason !== "io client disconnect") this.seen.push(`disconnect: ${reason}`);
    });
    socket.on("connect_error", ({ message }) => this.seen.push(`connect_error: ${message}`));
    socket.io.on("open", () => {
      socket.io.engine.on("upgradeError", ({ message }) => {
        this.seen.push(`upgradeError: ${message}`);
      });
    });
  }
}
