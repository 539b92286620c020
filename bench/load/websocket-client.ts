import { Socket as EngineSocket } from "engine.io-client";
import { closingAgent, type Meter, portOf, type Target } from "./target.js";

type Listener = (...args: unknown[]) => void;

/**
 * A Socket.IO client over WebSocket only: engine.io-client, and the few packets of Socket.IO that
 * the workloads use, so that the generator costs less than what it measures.
 */
export class WebSocketClient {
  readonly #engine: EngineSocket;
  readonly #listeners = new Map<string, Listener>();
  /** Of the server's process, when it was asked for. */
  pid = 0;
  /** The socket's id, as the server knows it. */
  id = "";

  private constructor(port: number, n: number, asksPid: boolean) {
    this.#engine = new EngineSocket(`ws://127.0.0.1:${port}`, {
      path: "/socket.io/",
      transports: ["websocket"],
      agent: closingAgent(n) as unknown as boolean, // its type is that of browsers
      query: asksPid ? { pid: "1" } : {},
    });
  }

  /** Resolves when it is connected to the namespace "/" (and knows the pid, when it asks). */
  static open(port: number, n: number, asksPid = false): Promise<WebSocketClient> {
    const client = new WebSocketClient(port, n, asksPid);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("not connected within 10 s")), 10_000);
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        act();
      };
      client.#engine.on("open", () => client.#engine.send("0"));
      client.#engine.on("close", (reason: string) => settle(() => reject(new Error(reason))));
      client.#engine.on("message", (packet: string) => {
        if (packet.startsWith("0")) {
          client.id = (JSON.parse(packet.slice(1)) as { sid: string }).sid;
          if (!asksPid) settle(() => resolve(client));
        } else if (packet.startsWith("2")) {
          const [event, ...args] = JSON.parse(packet.slice(1)) as [string, ...unknown[]];
          if (event === "pid") {
            client.pid = Number(args[0]);
            settle(() => resolve(client));
          } else client.#listeners.get(event)?.(...args);
        }
      });
    });
  }

  on(event: string, listener: Listener): void {
    this.#listeners.set(event, listener);
  }

  emit(event: string, ...args: unknown[]): void {
    this.#engine.send(`2${JSON.stringify([event, ...args])}`);
  }

  onClose(listener: (reason: string) => void): void {
    this.#engine.on("close", listener);
  }

  close(): Promise<void> {
    if (this.#engine.readyState === "closed") return Promise.resolve();
    return new Promise((resolve) => {
      this.#engine.on("close", () => resolve());
      this.#engine.close();
    });
  }
}

/** Tries of one client, until the whole run is given up. */
const TRIES = 5;

/** Opens many, a few at a time; each that is refused counts as an error, and tries again. */
export async function openCrowd(
  { ports, clients }: Target,
  meter: Meter,
  asksPid = false,
): Promise<WebSocketClient[]> {
  const crowd: WebSocketClient[] = [];
  let next = 0;
  const openOne = async (n: number, tries: number): Promise<WebSocketClient> => {
    try {
      return await WebSocketClient.open(portOf({ ports }, n), n, asksPid);
    } catch (error) {
      meter.error(error);
      if (tries <= 1) throw error;
      return openOne(n, tries - 1);
    }
  };
  const open = async (): Promise<void> => {
    for (let n = next++; n < clients; n = next++) crowd[n] = await openOne(n, TRIES);
  };
  await Promise.all(Array.from({ length: 20 }, open));
  return crowd;
}

export async function closeCrowd(crowd: readonly WebSocketClient[]): Promise<void> {
  await Promise.all(crowd.map((client) => client.close()));
}
