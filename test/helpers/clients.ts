import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import type { Test } from "tap";

export type Transports = "polling" | "websocket" | "upgrade";

/** The three ways in which clients connect. */
export const ALL_TRANSPORTS: readonly Transports[] = ["polling", "websocket", "upgrade"];

/** A connected socket.io-client that ends with the test. */
export async function connectClient(
  t: Test,
  url: number | string,
  transports: Transports = "upgrade",
  options: Partial<ManagerOptions & SocketOptions> = {},
): Promise<Socket> {
  const socket = startClient(t, url, transports, options);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve).once("connect_error", reject);
  });
  return socket;
}

/** The same without waiting for the connection. */
export function startClient(
  t: Test,
  url: number | string,
  transports: Transports = "upgrade",
  options: Partial<ManagerOptions & SocketOptions> = {},
): Socket {
  const socket = io(typeof url === "number" ? `http://127.0.0.1:${url}` : url, {
    transports: transports === "upgrade" ? ["polling", "websocket"] : [transports],
    forceNew: true,
    reconnectionDelay: 50,
    reconnectionDelayMax: 200,
    ...options,
  });
  t.teardown(() => socket.disconnect());
  return socket;
}

/** Resolves when the client talks over WebSocket. */
export async function upgraded(socket: Socket): Promise<void> {
  const { engine } = socket.io;
  if (engine.transport.name === "websocket") return;
  await new Promise<void>((resolve) => engine.once("upgrade", () => resolve()));
}

/**
 * Clients on different workers, one each for `count` workers: opens clients until every worker
 * has one, and closes those that are one too many.
 */
export async function clientPerWorker(
  t: Test,
  url: number | string,
  count: number,
  transports: Transports = "websocket",
  options: Partial<ManagerOptions & SocketOptions> = {},
): Promise<Socket[]> {
  const byWorker = new Map<number, Socket>();
  for (let tries = 0; byWorker.size < count; tries++) {
    if (tries > 20 * count) throw new Error(`Only ${byWorker.size} workers get clients`);
    const socket = await connectClient(t, url, transports, options);
    const pid: number = await socket.emitWithAck("pid");
    if (byWorker.has(pid)) socket.disconnect();
    else byWorker.set(pid, socket);
  }
  return [...byWorker.values()];
}

/** Runs code with `io`, `socket` and `args` in the worker of this client. */
export async function runIn<T>(socket: Socket, code: string, ...args: unknown[]): Promise<T> {
  const { result, error } = await socket.timeout(15_000).emitWithAck("run", { code, args });
  if (error !== undefined) throw new Error(error);
  return result;
}
