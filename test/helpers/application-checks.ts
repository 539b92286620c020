import { channel } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import { Agent, type ClientRequest, get, type IncomingMessage } from "node:http";
import type { Socket } from "socket.io-client";
import type { Test } from "tap";
import { ALL_TRANSPORTS, startClient, type Transports, upgraded } from "./clients.js";
import { isAlive } from "./cluster.js";
import type { Application } from "./examples.js";

const CLIENTS = 12;
const HELLOS = 5;

/** What an application broadcasts upon "hello". */
interface Hello {
  from: string;
  worker: number;
}

/**
 * All that an application has to do, whatever it is written with: `GET /pid` and "hello" are
 * answered as the examples do. Ends it.
 */
export async function checkApplication(t: Test, application: Application): Promise<void> {
  const { port, workers } = application;
  const statuses = recordStatuses(t);
  await t.test("its routes are balanced", (t) => routesAreBalanced(t, port, workers));
  await t.test("its routes keep connections alive", (t) => routesKeepConnections(t, port, workers));
  // All stay to the end: what ends meanwhile would blur the balance.
  const clients: Client[] = [];
  for (const transports of ALL_TRANSPORTS) {
    const crowd = await connectCrowd(t, port, transports);
    clients.push(...crowd);
    await t.test(`clients stay with their worker, and hear all others: ${transports}`, (t) =>
      clientsHearEachOther(t, crowd, transports),
    );
  }
  const spread = workers.map((pid) => clients.filter(({ worker }) => worker === pid).length);
  // A worker may keep a handshake on a connection of its own, as long as that is the difference.
  t.ok(Math.max(...spread) - Math.min(...spread) <= 3, `clients are spread: ${spread}`);
  t.same([...statuses.keys()], [200], "never 400, nor 503");
  await t.test("SIGTERM ends it", (t) => sigtermEndsIt(t, application, clients));
}

async function routesAreBalanced(t: Test, port: number, workers: number[]): Promise<void> {
  const answers = new Map<number, number>();
  for (let n = 0; n < 10 * workers.length; n++) {
    const { pid } = await getPid(port, new Agent());
    answers.set(pid, (answers.get(pid) ?? 0) + 1);
  }
  t.same([...answers.keys()].sort(), [...workers].sort());
  for (const count of answers.values()) t.equal(count, 10);
}

async function routesKeepConnections(t: Test, port: number, workers: number[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const first = await getPid(port, agent);
  t.ok(workers.includes(first.pid));
  for (let n = 0; n < 10; n++) {
    t.same(await getPid(port, agent), { pid: first.pid, reused: true });
  }
}

/** Connected clients. The first one talks over WebSocket in any case. */
async function connectCrowd(t: Test, port: number, transports: Transports): Promise<Client[]> {
  // Few connections for all, as a proxy does it: each carries requests of many sessions.
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  t.teardown(() => agent.destroy());
  // The type of the option is that of browsers.
  const shared = { agent: agent as unknown as boolean };
  const options = { reconnection: false, ...(transports === "polling" ? shared : {}) };

  const chatter = new Client(t, startClient(t, port, "websocket", { reconnection: false }));
  await chatter.connected;
  const rest = Array.from(
    { length: CLIENTS - 1 },
    () => new Client(t, startClient(t, port, transports, options)),
  );
  await chatter.chatUntil(Promise.all(rest.map((client) => client.connected)));
  if (transports === "upgrade") await Promise.all(rest.map(({ socket }) => upgraded(socket)));
  return [chatter, ...rest];
}

async function clientsHearEachOther(
  t: Test,
  [chatter, ...rest]: Client[],
  transports: Transports,
): Promise<void> {
  const talk = async () => {
    for (let n = 0; n < HELLOS; n++) await Promise.all(rest.map((client) => client.hello()));
    for (const client of rest) await Promise.all(rest.map(({ id }) => client.hears(id)));
  };
  await chatter?.chatUntil(talk());
  const expected = transports === "polling" ? "polling" : "websocket";
  for (const { socket, worker } of rest) {
    t.equal(socket.io.engine.transport.name, expected);
    t.type(worker, "number");
  }
}

async function sigtermEndsIt(
  t: Test,
  { running, workers }: Application,
  clients: Client[],
): Promise<void> {
  const gone = clients.map((client) => client.disconnected());
  running.child.kill("SIGTERM");
  t.same(await running.exit(), { code: 0, signal: null });
  t.notOk(workers.some(isAlive));
  await Promise.all(gone);
}

/** A client for which losing its connection is a failure. */
class Client {
  readonly socket: Socket;
  readonly connected: Promise<void>;
  /** The worker that its own greetings came from; never another one. */
  worker: number | undefined;
  /** Ids of those whose greetings came, and an event for each greeting. */
  readonly #heard = new Set<string>();
  readonly #news = new EventEmitter();
  readonly #t: Test;

  constructor(t: Test, socket: Socket) {
    this.#t = t;
    this.socket = socket;
    this.connected = new Promise((resolve, reject) => {
      socket.once("connect", resolve).once("connect_error", reject);
    });
    socket.on("disconnect", this.#onLost);
    socket.on("hello", ({ from, worker }: Hello) => {
      this.#heard.add(from);
      if (from === socket.id) this.#own(worker);
      this.#news.emit(from);
    });
  }

  get id(): string {
    return this.socket.id ?? "";
  }

  /** Says hello to all; resolves when it came back. */
  async hello(): Promise<void> {
    this.#heard.delete(this.id);
    this.socket.emit("hello");
    await this.hears(this.id);
  }

  /**
   * Says hello all the time. A poll that waits for news keeps its connection, so where there are
   * more clients than connections somebody has to make news.
   */
  async chatUntil(done: Promise<unknown>): Promise<void> {
    let over = false;
    const stop = done.finally(() => {
      over = true;
    });
    while (!over) await this.hello();
    await stop;
  }

  /** From now on it may lose its connection; resolves when it has. */
  async disconnected(): Promise<void> {
    this.socket.off("disconnect", this.#onLost);
    if (this.socket.connected) {
      await new Promise((resolve) => this.socket.once("disconnect", resolve));
    }
  }

  readonly #onLost = (reason: string): void => {
    this.#t.fail(`a client lost its connection: ${reason}`);
  };

  /** Resolves when it has heard of the client with this id. */
  hears(id: string): Promise<void> {
    if (this.#heard.has(id)) return Promise.resolve();
    return new Promise((resolve) => this.#news.once(id, resolve));
  }

  #own(worker: number): void {
    if (this.worker !== undefined && this.worker !== worker) {
      this.#t.fail(`the session moved from ${this.worker} to ${worker}`);
    }
    this.worker = worker;
  }
}

function getPid(port: number, agent: Agent): Promise<{ pid: number; reused: boolean }> {
  return new Promise((resolve, reject) => {
    const request = get({ port, host: "127.0.0.1", path: "/pid", agent }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ pid: Number(body), reused: request.reusedSocket }));
    });
    request.on("error", reject);
  });
}

/** How often each status was answered to any request of this process, until the test ends. */
function recordStatuses(t: Test): Map<number, number> {
  const statuses = new Map<number, number>();
  const record = (message: unknown) => {
    const { response } = message as { request: ClientRequest; response: IncomingMessage };
    const status = response.statusCode ?? 0;
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };
  const finished = channel("http.client.response.finish");
  finished.subscribe(record);
  t.teardown(() => finished.unsubscribe(record));
  return statuses;
}
