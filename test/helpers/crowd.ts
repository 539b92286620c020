import { Agent } from "node:http";
import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";
import type { Test } from "tap";
import { startClient, type Transports, upgraded } from "./clients.js";
import type { Troubles } from "./troubles.js";

const AT_ONCE = 20;
const PATIENCE = 20_000;

export type ClientOptions = Partial<ManagerOptions & SocketOptions>;

/** How one of many clients connects. */
export interface Kind {
  transports: Transports;
  options?: ClientOptions;
}

/** The kinds of clients that a proxy has to do with; polling also over kept-alive connections. */
export function allKinds(t: Test): Kind[] {
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  return [
    { transports: "polling" },
    { transports: "polling", options: { agent: agent as unknown as string } },
    { transports: "websocket" },
    { transports: "upgrade" },
  ];
}

/**
 * Connects so many clients, some at a time, of each kind in turn. Unless it is of their kind, they
 * do not try again.
 */
export async function connectCrowd(
  t: Test,
  url: string,
  troubles: Troubles,
  count: number,
  kinds: readonly Kind[],
): Promise<Socket[]> {
  const crowd: Socket[] = [];
  while (crowd.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - crowd.length) }, (_, n) => {
      const { transports, options } = kinds[(crowd.length + n) % kinds.length] as Kind;
      const socket = startClient(t, url, transports, { reconnection: false, ...options });
      troubles.watch(socket);
      return { socket, transports };
    });
    await Promise.all(some.map(({ socket, transports }) => connected(socket, transports))).catch(
      ({ message }) => {
        throw new Error([message, ...troubles.seen].join("\n"));
      },
    );
    crowd.push(...some.map(({ socket }) => socket));
  }
  return crowd;
}

async function connected(socket: Socket, transports: Transports): Promise<void> {
  let fail = (_: unknown) => {};
  const failed = new Promise<never>((_, reject) => {
    fail = (reason) => reject(new Error(`${transports}: ${reason}`));
    socket.once("connect_error", fail).once("disconnect", fail);
    setTimeout(fail, PATIENCE, "waited in vain").unref();
  });
  await Promise.race([new Promise<void>((resolve) => socket.once("connect", resolve)), failed]);
  if (transports === "upgrade") {
    socket.io.engine.once("upgradeError", fail);
    await Promise.race([upgraded(socket), failed]);
  }
  failed.catch(() => {}); // from now on it is the test's to judge
}

/** Several acknowledged messages of each client, a large one of some. @returns what came back wrong */
export async function chatter(crowd: readonly Socket[], rounds = 5): Promise<string[]> {
  const wrong: string[] = [];
  await Promise.all(
    crowd.map(async (socket, n) => {
      for (let round = 0; round < rounds; round++) {
        const text = `${n}:${round}:${n % 10 === 0 && round === 1 ? "é".repeat(100_000) : ""}`;
        const echo: string = await socket.timeout(PATIENCE).emitWithAck("echo", text);
        if (echo !== text) wrong.push(`${n}:${round} got ${echo.slice(0, 20)}`);
      }
    }),
  );
  return wrong;
}
