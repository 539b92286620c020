import { io } from "socket.io-client";
import { closingAgent, delay, portOf, type Workload } from "./target.js";
import { closeCrowd, openCrowd, WebSocketClient } from "./websocket-client.js";

/** Each client has one message under way at any time. */
export const websocketEcho: Workload = async (target, meter) => {
  const crowd = await openCrowd(target, meter);
  let stopped = false;
  for (const client of crowd) {
    let since = performance.now();
    client.onClose((reason) => {
      if (!stopped) meter.error(reason);
    });
    client.on("echo", () => {
      meter.op(since);
      if (stopped) return;
      since = performance.now();
      client.emit("echo", "hello");
    });
    client.emit("echo", "hello");
  }
  return async () => {
    stopped = true;
    await closeCrowd(crowd);
  };
};

/** A loop of `turn` for each client. */
function loops(turn: (port: number, n: number) => Promise<void>): Workload {
  return async ({ ports, clients }, meter) => {
    let stopped = false;
    const loop = async (n: number): Promise<void> => {
      while (!stopped) {
        const since = performance.now();
        try {
          await turn(portOf({ ports }, n), n);
          meter.op(since);
        } catch (error) {
          meter.error(error);
          await delay(10);
        }
      }
    };
    const done = Promise.all(Array.from({ length: clients }, (_, n) => loop(n)));
    return async () => {
      stopped = true;
      await done;
    };
  };
}

/** Opens a WebSocket session and closes it. */
export const websocketConnect: Workload = loops(async (port, n) => {
  const client = await WebSocketClient.open(port, n);
  await client.close();
});

/** What socket.io-client does by default: polls, upgrades; then it leaves. */
export const defaultConnect: Workload = loops(
  (port, n) =>
    new Promise((resolve, reject) => {
      const socket = io(`http://127.0.0.1:${port}`, {
        forceNew: true,
        reconnection: false,
        withCredentials: true, // for HAProxy's cookie
        agent: closingAgent(n) as unknown as boolean, // its type is that of browsers
      });
      let isConnected = false;
      let isUpgraded = false;
      const timer = setTimeout(() => settle(new Error("no WebSocket within 10 s")), 10_000);
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        socket.off();
        socket.disconnect();
        if (error) reject(error);
        else resolve();
      };
      const settleIfDone = (): void => {
        if (isConnected && isUpgraded) settle();
      };
      socket.on("connect_error", settle);
      socket.on("disconnect", (reason) => settle(new Error(reason)));
      socket.on("connect", () => {
        isConnected = true;
        settleIfDone();
      });
      socket.io.on("open", () => {
        socket.io.engine.on("upgrade", () => {
          isUpgraded = true;
          settleIfDone();
        });
      });
    }),
);
