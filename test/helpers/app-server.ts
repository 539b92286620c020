import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type ServerOptions } from "socket.io";
import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";
import type { Test } from "tap";
import { createSocketApp } from "../../src/app/index.js";
import type { EventsByNamespace, SocketAppOptions } from "../../src/app/options.js";
import { connectClient, startClient } from "./clients.js";

/** What was logged, one entry for each call. */
export type Logged = { level: "info" | "warn" | "error"; data: unknown[] }[];

/** A Socket.IO server in this process, with an app, that ends with the test. */
export async function startApp<N extends EventsByNamespace = Record<never, never>>(
  t: Test,
  options: SocketAppOptions<N> = {},
  serverOptions: Partial<ServerOptions> = {},
) {
  const server = await startServer(t, serverOptions);
  const logged: Logged = [];
  const log =
    (level: Logged[number]["level"]) =>
    (...data: unknown[]) =>
      void logged.push({ level, data });
  const logger = { info: log("info"), warn: log("warn"), error: log("error") };
  return { ...server, logged, app: createSocketApp(server.io, { logger, ...options }) };
}

/** A Socket.IO server in this process that ends with the test. */
export async function startServer(t: Test, serverOptions: Partial<ServerOptions> = {}) {
  const httpServer = createServer();
  const io = new Server(httpServer, serverOptions);
  httpServer.listen(0, "127.0.0.1");
  await once(httpServer, "listening");
  t.teardown(() => io.close());
  const url = `http://127.0.0.1:${(httpServer.address() as AddressInfo).port}`;
  const own = { reconnection: false };
  return {
    io,
    /** A connected client. */
    connect: (
      namespace = "",
      clientOptions: Partial<ManagerOptions & SocketOptions> = {},
    ): Promise<Socket> =>
      connectClient(t, url + namespace, "websocket", { ...own, ...clientOptions }),
    /** A client that connects some time. */
    start: (namespace = "", clientOptions: Partial<ManagerOptions & SocketOptions> = {}): Socket =>
      startClient(t, url + namespace, "websocket", { ...own, ...clientOptions }),
    /** What a client is told that is not let in. */
    refused: async (namespace = ""): Promise<{ message: string; data?: unknown }> => {
      const client = startClient(t, url + namespace, "websocket", own);
      const [error] = (await once(client as never, "connect_error")) as [
        Error & { data?: unknown },
      ];
      client.disconnect();
      return "data" in error && error.data !== undefined
        ? { message: error.message, data: error.data }
        : { message: error.message };
    },
  };
}

/** A promise that is settled from outside. */
export function deferred<T = void>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
