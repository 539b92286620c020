import { createRequire } from "node:module";
import type { Test } from "tap";
import type { Transports } from "./clients.js";

/** A socket of socket.io-client 2.x (Engine.IO 3), as far as the tests use it; it has no types. */
export interface OldSocket {
  connected: boolean;
  io: {
    engine: { id: string; transport: { name: string }; once(event: string, f: () => void): void };
    on(event: string, listener: () => void): void;
    off(event: string, listener: () => void): void;
  };
  emit(event: string, ...args: unknown[]): void;
  on(event: string, listener: (...args: never[]) => void): OldSocket;
  once(event: string, listener: (...args: never[]) => void): OldSocket;
  disconnect(): void;
}

const io: (url: string, options: object) => OldSocket = createRequire(import.meta.url)(
  "socket.io-client-2",
);

/** A connected client of that age that ends with the test. */
export async function connectOldClient(
  t: Test,
  url: string,
  transports: Transports,
  options: object = {},
): Promise<OldSocket> {
  const socket = io(url, {
    transports: transports === "upgrade" ? ["polling", "websocket"] : [transports],
    forceNew: true,
    reconnectionDelay: 50,
    reconnectionDelayMax: 200,
    ...options,
  });
  t.teardown(() => socket.disconnect());
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve).once("connect_error", reject).once("error", reject);
  });
  return socket;
}

/** Emits an event with an acknowledgement. */
export function call<T>(socket: OldSocket, event: string, ...args: unknown[]): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, 15_000, new Error(`${event}: no acknowledgement`));
    socket.emit(event, ...args, (result: T) => {
      clearTimeout(timer);
      resolve(result);
    });
  });
}

/** The arguments of the next event of this name. */
export function nextOf(socket: OldSocket, event: string): Promise<unknown[]> {
  return new Promise((resolve) => socket.once(event, (...args) => resolve(args)));
}
