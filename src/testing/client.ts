import { EventEmitter } from "node:events";
import http from "node:http";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";
import { type ConnectError, reasonOf } from "../connect-reason.js";
import { OptionError, TestClientError } from "../errors.js";
import { expectObject, integer, milliseconds, oneOf, text } from "../options/checks.js";
import { nearestName } from "../options/nearest-name.js";

/** Options of {@link createSocketIOClient}; the others are socket.io-client's own. */
export interface TestClientOptions
  extends Partial<
    Omit<
      ManagerOptions & SocketOptions,
      "host" | "hostname" | "port" | "secure" | "agent" | "autoConnect"
    >
  > {
  /** As "http://127.0.0.1:7001". Default: made of `protocol`, `host` and `port`. */
  url?: string;
  /** Port of the server; needed without `url`. */
  port?: number;
  /** Default: "127.0.0.1". */
  host?: string;
  /** Default: "http". */
  protocol?: "http" | "https";
  /** As "/chat". Default: "/". */
  namespace?: string;
  /** ms within which the client has to be connected. Default: 10,000. */
  connectTimeout?: number;
  /** ms that `sendWithAck()` waits for an answer. Default: 10,000. */
  ackTimeout?: number;
}

/** How long a connection may take to close, and how often to look whether it is (ms). */
const CLOSE_TIMEOUT = 1_000;
const CLOSE_LOOK = 2;

/** What tests do not want to wait for; every client has its own connection. */
const DEFAULTS = { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 500 };

/**
 * A connected socket.io-client, for tests. It emits what the server sends, by event name, beside
 * `disconnect` and, when it reconnects, `connect`; so `once(client, "event")` of node:events works.
 * Nothing gets lost between the connection and the listeners that are added right after
 * `await createSocketIOClient()`.
 */
// biome-ignore lint/suspicious/noExplicitAny: events have the arguments that the server gives them
export class TestClient extends EventEmitter<Record<string, any[]>> implements AsyncDisposable {
  /** The client itself, for what is missing here. */
  readonly socket: Socket;
  readonly #agent: http.Agent;
  readonly #ackTimeout: number;
  /** What came before whoever waits for the connection had a chance to listen. */
  #early: [string, ...unknown[]][] | undefined = [];

  /** @internal */
  constructor(socket: Socket, agent: http.Agent, ackTimeout: number) {
    super();
    this.socket = socket;
    this.#agent = agent;
    this.#ackTimeout = ackTimeout;
    this.setMaxListeners(0);
    socket.onAny((event: string, ...args: unknown[]) => {
      if (this.#early) this.#early.push([event, ...args]);
      else this.#dispatch(event, args);
    });
    socket.once("connect", () => {
      setImmediate(() => {
        const early = this.#early ?? [];
        this.#early = undefined;
        for (const [event, ...args] of early) this.#dispatch(event, args);
        socket.on("connect", () => this.#dispatch("connect", []));
      });
    });
    socket.on("disconnect", (reason) => this.#dispatch("disconnect", [reason]));
  }

  /** The session's id; `undefined` while there is no connection. */
  get id(): string | undefined {
    return this.socket.id;
  }

  get connected(): boolean {
    return this.socket.connected;
  }

  /** Sends an event to the server. */
  send(event: string, ...args: unknown[]): void {
    this.socket.emit(event, ...args);
  }

  /** The same as `send()`, as socket.io-client calls it. */
  override emit(event: string, ...args: unknown[]): true {
    this.send(event, ...args);
    return true;
  }

  /**
   * Sends an event to the server.
   *
   * @returns what the server answers
   * @throws TestClientError when no answer comes within `ackTimeout`, or the connection is lost
   */
  // biome-ignore lint/suspicious/noExplicitAny: the server's answer is what the test says it is
  async sendWithAck<T = any>(event: string, ...args: unknown[]): Promise<T> {
    try {
      return await this.socket.timeout(this.#ackTimeout).emitWithAck(event, ...args);
    } catch (cause) {
      const why = this.connected ? `within ${this.#ackTimeout} ms` : "before the connection closed";
      throw new TestClientError(`The server did not answer "${event}" ${why}.`, { cause });
    }
  }

  /** @returns when the connection is closed */
  async close(): Promise<void> {
    const { engine } = this.socket.io;
    const isOpen = engine?.readyState === "open";
    this.socket.disconnect();
    // Requests that are under way say goodbye. One that asks for a session has nobody to say it to,
    // and the client would wait for its answer for as long as it takes.
    const end = performance.now() + CLOSE_TIMEOUT;
    while (isOpen && this.#hasRequests && performance.now() < end) await sleep(CLOSE_LOOK);
    this.#agent.destroy();
  }

  get #hasRequests(): boolean {
    return Object.keys(this.#agent.sockets).length > 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** An "error" that the server sends and nobody listens to is no error of this process. */
  #dispatch(event: string, args: unknown[]): void {
    if (this.listenerCount(event) > 0) super.emit(event, ...args);
  }
}

/**
 * Connects a client to a Socket.IO server.
 *
 * @returns when it is connected
 * @throws OptionError; TestClientError when it cannot connect, with the server's reason (`data` is
 *   what a middleware gave its error), or socket.io-client is not installed. Nothing is left then.
 */
export async function createSocketIOClient(options: TestClientOptions): Promise<TestClient> {
  expectObject("options", options);
  const { url, port, host, protocol, namespace, connectTimeout, ackTimeout, ...own } = options;
  refuseTypos(own);
  const target = serverUrl(options) + withSlash(text("namespace", namespace) ?? "/");
  const path = text("path", options.path) ?? "/socket.io";
  const timeout = milliseconds("connectTimeout", connectTimeout, 10_000);
  const answerTimeout = milliseconds("ackTimeout", ackTimeout, 10_000);
  const io = await loadClient();
  const agent = target.startsWith("https:") ? new https.Agent() : new http.Agent();
  const socket = io(target, { ...DEFAULTS, ...own, agent: agent as never, autoConnect: false });
  const client = new TestClient(socket, agent, answerTimeout);
  try {
    await connect(socket, `${target} (path ${path})`, timeout);
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

const OWN_NAMES = [
  "url",
  "port",
  "host",
  "protocol",
  "namespace",
  "connectTimeout",
  "ackTimeout",
] as const satisfies readonly (keyof TestClientOptions)[];

/** All others are socket.io-client's and Node's to know, but not what is almost one of ours. */
function refuseTypos(others: object): void {
  for (const [name, value] of Object.entries(others)) {
    if (name === "protocols") continue; // of WebSockets
    const nearest = nearestName(name, OWN_NAMES, { hostname: "host", nsp: "namespace" });
    if (nearest === undefined) continue;
    const owner = "createSocketIOClient()";
    throw OptionError.unknown({ owner, name, value, known: OWN_NAMES, nearest });
  }
}

function connect(socket: Socket, target: string, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: ConnectError): void => {
      const message = `Could not connect to ${target}: ${why}.`;
      reject(new TestClientError(message, { cause, data: cause?.data }));
    };
    const timer = setTimeout(() => fail(`no answer within ${timeout} ms`), timeout);
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve();
    });
    socket.once("connect_error", (error: ConnectError) => {
      clearTimeout(timer);
      fail(reasonOf(error), error);
    });
    socket.connect();
  });
}

function serverUrl({ url, port, host, protocol }: TestClientOptions): string {
  if (url !== undefined) {
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw new OptionError("url", url, 'a URL as "http://127.0.0.1:7001"');
    }
    if (new URL(url).pathname !== "/") {
      throw new OptionError("url", url, "a URL without a path; see the options path, namespace");
    }
    return new URL(url).origin;
  }
  if (port === undefined) throw new OptionError("port", port, "the port of the server");
  const scheme = oneOf("protocol", protocol, ["http", "https"]);
  const name = text("host", host) ?? "127.0.0.1";
  return `${scheme}://${name}:${integer("port", port, 0, 1, 65_535)}`;
}

function withSlash(namespace: string): string {
  return namespace.startsWith("/") ? namespace : `/${namespace}`;
}

async function loadClient(): Promise<typeof import("socket.io-client").io> {
  try {
    return (await import("socket.io-client")).io;
  } catch (cause) {
    // A runner's loader may leave the error without its code.
    const { code, message: text } = cause as NodeJS.ErrnoException;
    const isMissing = code === "ERR_MODULE_NOT_FOUND" || /Cannot find (package|module)/.test(text);
    if (!isMissing) throw cause;
    const message =
      "The test client needs socket.io-client: npm install --save-dev socket.io-client";
    throw new TestClientError(message, { cause });
  }
}
