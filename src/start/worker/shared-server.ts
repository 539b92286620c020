import type { Server as HttpServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { ListenFailure } from "../../protocol/messages.js";
import type { PortCall } from "./listen-call.js";

/**
 * One HTTP server of the application that would listen, and for which the primary listens instead.
 *
 * To the application it is as if it listened: the events, the address, and `close()`, which ends
 * when its last connection has ended.
 */
export class SharedServer {
  readonly server: HttpServer;
  readonly call: PortCall;
  address: AddressInfo | undefined;
  /** What primary and worker call it; `undefined` before the primary has answered. */
  name: string | undefined;
  #phase: "opening" | "open" | "closing" | "closed" = "opening";
  readonly #sockets = new Set<Socket>();
  readonly #onClosed: () => void;

  /** @param onClosed comes before the server's own `close` event */
  constructor(server: HttpServer, call: PortCall, onClosed: () => void) {
    this.server = server;
    this.call = call;
    this.#onClosed = onClosed;
    if (call.callback !== undefined) server.once("listening", call.callback);
    server.on("connection", this.#onConnection);
    call.signal?.addEventListener("abort", () => server.close(), { once: true });
  }

  /** From `listen()` to `close()`, as in Node. */
  get isListening(): boolean {
    return this.#phase === "open";
  }

  /** Whether another `listen()` would be one too many. */
  get isTaken(): boolean {
    return this.#phase === "opening" || this.#phase === "open";
  }

  opened(name: string, address: AddressInfo): void {
    if (this.#phase !== "opening") return;
    this.name = name;
    this.address = address;
    this.#phase = "open";
    this.server.emit("listening");
  }

  failed(failure: ListenFailure): void {
    this.#phase = "closed";
    this.server.off("connection", this.#onConnection);
    if (this.call.callback !== undefined) this.server.off("listening", this.call.callback);
    const { message, ...details } = failure;
    this.server.emit("error", Object.assign(new Error(message), details));
  }

  /** `callback` is called as Node does it: once closed, with an error if there was nothing to close. */
  close(callback: ((error?: Error) => void) | undefined): void {
    if (callback !== undefined) this.server.once("close", () => callback());
    if (!this.isTaken) return;
    this.#phase = "closing";
    this.server.closeIdleConnections?.();
    process.nextTick(() => this.#endIfDone());
  }

  readonly #onConnection = (socket: Socket): void => {
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#endIfDone();
    });
  };

  #endIfDone(): void {
    if (this.#phase !== "closing" || this.#sockets.size > 0) return;
    this.#phase = "closed";
    this.server.off("connection", this.#onConnection);
    this.#onClosed();
    this.server.emit("close");
  }
}
