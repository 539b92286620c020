import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Test } from "tap";
import { RawConnection } from "./raw.js";

/**
 * A server in this process whose connections the test gets as they are.
 *
 * @returns its port; the server and all of its connections end with the test
 */
export async function listen(t: Test, onConnection: (socket: Socket) => void): Promise<number> {
  // As http.Server accepts them.
  const server = createServer({ allowHalfOpen: true });
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    onConnection(socket);
  });
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Both ends of one connection. */
export async function connection(t: Test): Promise<{ client: RawConnection; socket: Socket }> {
  const sockets: Socket[] = [];
  const port = await listen(t, (socket) => sockets.push(socket));
  const client = await RawConnection.open(port);
  t.teardown(() => client.destroy());
  await until("the server has the connection", () => sockets.length > 0);
  return { client, socket: sockets[0] as Socket };
}

/** Resolves when `isTrue` holds; a test that waits in vain fails with `what`. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  timeout = 5_000,
): Promise<void> {
  for (const end = performance.now() + timeout; !(await isTrue()); await sleep(2)) {
    if (performance.now() > end) throw new Error(`in vain: ${what}`);
  }
}
