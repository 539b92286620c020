import { io, type Socket } from "socket.io-client";
import { closingAgent, delay, type Meter, portOf, type Workload } from "./target.js";

const options = (n: number) => ({
  forceNew: true,
  withCredentials: true,
  reconnectionDelay: 100,
  reconnectionDelayMax: 500,
  agent: closingAgent(n) as unknown as boolean, // its type is that of browsers
});

/**
 * Users who stay (half of them polling, half upgraded to WebSocket), and others who come and go,
 * while the system is deployed anew. What counts is what they see.
 */
export const deploy: Workload = async ({ ports, clients }, meter) => {
  const url = (n: number) => `http://127.0.0.1:${portOf({ ports }, n)}`;
  const users = Array.from({ length: clients }, (_, n) => new User(url(n), n));
  await Promise.all(users.map((user) => user.connected));
  let stopped = false;
  const comers = Array.from({ length: 4 }, async (_, n) => {
    while (!stopped) {
      await comeAndGo(url(n), clients + n, meter);
      await delay(50);
    }
  });
  return async () => {
    stopped = true;
    await Promise.all(comers);
    const outages = users.map((user) => user.end()).sort((a, b) => a - b);
    meter.facts.outageP50 = outages[Math.floor(outages.length / 2)] ?? 0;
    meter.facts.outageP99 = outages[Math.floor(outages.length * 0.99)] ?? 0;
    meter.facts.cut = outages.filter((ms) => ms > 0).length / users.length;
  };
};

class User {
  readonly #socket: Socket;
  readonly connected: Promise<void>;
  #lostAt: number | undefined;
  #outage = 0;

  constructor(url: string, n: number) {
    const transports = n % 2 === 0 ? ["polling"] : ["polling", "websocket"];
    this.#socket = io(url, { ...options(n), transports });
    this.connected = new Promise((resolve) => this.#socket.once("connect", () => resolve()));
    this.#socket.on("connect", () => this.#found());
    this.#socket.on("disconnect", (reason) => {
      this.#lostAt ??= performance.now();
      // After an "io server disconnect" the client does not come back by itself: applications
      // that deploy that way have to.
      if (reason === "io server disconnect") this.#socket.connect();
    });
  }

  #found(): void {
    if (this.#lostAt !== undefined) this.#outage += performance.now() - this.#lostAt;
    this.#lostAt = undefined;
  }

  /** @returns ms that it had no connection */
  end(): number {
    this.#found();
    this.#socket.off();
    this.#socket.disconnect();
    return this.#outage;
  }
}

/** A user who connects, tries once, and leaves. */
function comeAndGo(url: string, n: number, meter: Meter): Promise<void> {
  const since = performance.now();
  const socket = io(url, { ...options(n), transports: ["polling"], reconnection: false });
  return new Promise((resolve) => {
    const settle = (error?: unknown): void => {
      clearTimeout(timer);
      if (error === undefined) meter.op(since);
      else meter.error(error);
      socket.off();
      socket.disconnect();
      resolve();
    };
    const timer = setTimeout(() => settle("no connection within 5 s"), 5_000);
    socket.on("connect", () => settle());
    socket.on("connect_error", settle);
  });
}
