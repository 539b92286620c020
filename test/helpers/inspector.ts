import { once } from "node:events";
import { createRequire } from "node:module";
import type { Test } from "tap";

/** As much as is used of the WebSocket client that Engine.IO brings along. */
interface WebSocketClient extends NodeJS.EventEmitter {
  send(text: string): void;
  terminate(): void;
}

const require = createRequire(createRequire(import.meta.resolve("socket.io")).resolve("engine.io"));
const WebSocket = require("ws") as new (url: string) => WebSocketClient;

/** A debugger: a session with a process's inspector that ends with the test. */
export class DebuggerSession {
  readonly #socket: WebSocketClient;
  #lastCall = 0;
  closed = false;

  constructor(socket: WebSocketClient) {
    this.#socket = socket;
    socket.once("close", () => {
      this.closed = true;
    });
  }

  static async open(t: Test, url: string): Promise<DebuggerSession> {
    const socket = new WebSocket(url);
    t.teardown(() => socket.terminate());
    const session = new DebuggerSession(socket);
    await once(socket, "open");
    return session;
  }

  async call<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#lastCall;
    const answer = this.#next((message) => message.id === id);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return (await answer).result as T;
  }

  async event<T>(method: string): Promise<T> {
    return (await this.#next((message) => message.method === method)).params as T;
  }

  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.call<{ result: { value: unknown } }>("Runtime.evaluate", {
      expression,
    });
    return answer.result.value;
  }

  async close(): Promise<void> {
    if (!this.closed) await once(this.#socket, "close");
  }

  #next(isIt: (message: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const onMessage = (data: Buffer): void => {
        const message = JSON.parse(data.toString()) as Record<string, unknown>;
        if (!isIt(message)) return;
        this.#socket.off("message", onMessage);
        resolve(message);
      };
      this.#socket.on("message", onMessage);
      this.#socket.once("close", () => reject(new Error("The inspector has closed")));
    });
  }
}
