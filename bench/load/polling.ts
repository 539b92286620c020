import { Agent, request } from "node:http";
import {
  closingAgent,
  keepingAgent,
  type Meter,
  portOf,
  type Target,
  type Workload,
} from "./target.js";

const PATH = "/socket.io/?EIO=4&transport=polling";
const ECHO = '42["echo","hello"]';
/** ms without an answer, after which a client gives up: every poll here has one under way. */
const NO_ANSWER = 1_000;

/** A long-polling client without anything around it: it should cost less than what it measures. */
export class PollingClient {
  readonly #agent: Agent;
  readonly #port: number;
  #path = PATH;
  #cookie: string | undefined;

  constructor(port: number, agent: Agent) {
    this.#port = port;
    this.#agent = agent;
  }

  async open(): Promise<void> {
    const { sid } = JSON.parse((await this.#request("GET")).slice(1)) as { sid: string };
    this.#path = `${PATH}&sid=${sid}`;
    await this.#request("POST", "40");
    await this.#request("GET");
  }

  /** A message to the server, and its answer by the poll that waits for it. */
  async round(): Promise<void> {
    const poll = this.#request("GET");
    const [answer] = await Promise.all([poll, this.#request("POST", ECHO)]);
    await this.#understand(answer);
  }

  async close(): Promise<void> {
    await this.#request("POST", "1");
  }

  async #understand(answer: string): Promise<void> {
    let echoed = false;
    for (const packet of answer.split("\x1e")) {
      if (packet === "2") await this.#request("POST", "3");
      else if (packet === ECHO) echoed = true;
      else throw new Error(`unexpected packet ${packet}`);
    }
    if (!echoed) await this.#understand(await this.#request("GET"));
  }

  #request(method: "GET" | "POST", body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const req = request(
        {
          host: "127.0.0.1",
          port: this.#port,
          path: this.#path,
          method,
          agent: this.#agent,
          timeout: NO_ANSWER,
          headers: {
            ...(this.#cookie === undefined ? {} : { cookie: this.#cookie }),
            ...(body === undefined
              ? {}
              : { "content-type": "text/plain;charset=UTF-8", "content-length": body.length }),
          },
        },
        (res) => {
          this.#cookie ??= res.headers["set-cookie"]?.[0]?.split(";")[0];
          let text = "";
          res.setEncoding("utf8");
          res.on("data", (chunk: string) => {
            text += chunk;
          });
          res.on("error", reject);
          res.on("end", () => {
            if (res.statusCode === 200) resolve(text);
            else reject(new Error(`${res.statusCode} ${text}`));
          });
        },
      );
      req.on("timeout", () => req.destroy(new Error(`no answer within ${NO_ANSWER} ms`)));
      req.on("error", reject);
      req.end(body);
    });
  }
}

function polling(agentOf: (n: number, shared: Agent) => Agent): Workload {
  return async ({ ports, clients }: Target, meter: Meter) => {
    let stopped = false;
    const shared = new Agent({ keepAlive: true, maxSockets: 64, localAddress: "127.0.0.1" });
    const live = async (n: number, opened: () => void): Promise<void> => {
      // Whoever loses a session opens another one, as clients do.
      while (!stopped) {
        const agent = agentOf(n, shared);
        const client = new PollingClient(portOf({ ports }, n), agent);
        try {
          await client.open();
          opened();
          while (!stopped) {
            const since = performance.now();
            await client.round();
            meter.op(since);
          }
          await client.close();
        } catch (error) {
          if (!stopped) meter.error(error);
        }
        if (agent !== shared) agent.destroy();
      }
    };
    let done: Promise<unknown> = Promise.resolve();
    let waiting = clients;
    await new Promise<void>((resolve) => {
      const opened = (): void => {
        if (--waiting === 0) resolve();
      };
      // A system that opens no session for everybody is measured with those it has.
      setTimeout(() => {
        for (let n = 0; n < waiting; n++) meter.error("no session after 3 s");
        resolve();
      }, 3_000).unref();
      done = Promise.all(Array.from({ length: clients }, (_, n) => live(n, opened)));
    });
    return async () => {
      stopped = true;
      await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 1_000))]);
      shared.destroy();
    };
  };
}

/** Each client keeps connections of its own, as browsers do. */
export const pollingOwn = polling((n) => keepingAgent(n));

/** All clients' requests share 64 connections, as behind a proxy with a pool. */
export const pollingPool = polling((_, shared) => shared);

/** A connection for each request. */
export const pollingClosing = polling((n) => closingAgent(n));
