import { setTimeout as sleep } from "node:timers/promises";
import type { Socket } from "socket.io-client";
import { isAlive, type TestCluster } from "./cluster.js";
import type { Random } from "./random.js";

/**
 * A client that counts: of each worker's ticks it gets every one, in order, as long as neither its
 * own worker nor its connection ends.
 */
export class Counting {
  readonly socket: Socket;
  /** What was lost, came twice or out of order. */
  readonly troubles: string[] = [];
  /** Process id of its worker; of the last one while it has none; 0 until the new one has told. */
  worker = 0;
  ticks = 0;
  /** The latest tick of each worker, since it is connected. */
  readonly latest = new Map<number, number>();

  constructor(socket: Socket) {
    this.socket = socket;
    const greet = () => {
      this.latest.clear();
      this.worker = 0;
      socket.emit("pid", (pid: number) => {
        this.worker = pid;
      });
    };
    if (socket.connected) greet();
    socket.on("connect", greet);
    socket.on("tick", (pid: number, n: number) => {
      const before = this.latest.get(pid);
      this.latest.set(pid, n);
      this.ticks++;
      if (before === undefined || n === before + 1) return;
      const name = `${socket.io.engine.transport.name} client of ${this.worker}`;
      this.troubles.push(`${name}: tick ${n} of ${pid} came after ${before}`);
    });
  }
}

/** How a worker is troubled. `lasting`: it will be killed for it. */
interface Trouble {
  name: string;
  lasting: boolean;
  begin(pid: number, clients: readonly Counting[]): void;
}

const run = (pid: number, clients: readonly Counting[], code: string): void => {
  const client = clients.find(({ worker, socket }) => worker === pid && socket.connected);
  client?.socket.emit("run", { code }, () => {});
};

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
};

const block = (ms: number): string => `const end = Date.now() + ${ms}; while (Date.now() < end);`;

const TROUBLES: readonly Trouble[] = [
  { name: "killed", lasting: true, begin: (pid) => signal(pid, "SIGKILL") },
  { name: "stopped", lasting: true, begin: (pid) => signal(pid, "SIGSTOP") },
  {
    name: "stopped for 700 ms",
    lasting: false,
    begin: (pid) => {
      signal(pid, "SIGSTOP");
      setTimeout(() => signal(pid, "SIGCONT"), 700);
    },
  },
  {
    name: "blocked for ever",
    lasting: true,
    begin: (pid, clients) => run(pid, clients, block(600_000)),
  },
  {
    name: "blocked for 700 ms",
    lasting: false,
    begin: (pid, clients) => run(pid, clients, block(700)),
  },
];

/**
 * Troubles a cluster at random, one worker at a time, with reloads and changes of size meanwhile.
 *
 * @returns how often it did what
 */
export async function trouble(
  cluster: TestCluster,
  clients: readonly Counting[],
  random: Random,
  seconds: number,
): Promise<Map<string, number>> {
  const done = new Map<string, number>();
  const count = (name: string) => done.set(name, (done.get(name) ?? 0) + 1);
  const errors: Error[] = [];
  /** An abandoned or refused one is what reloads come to in such times. */
  const start = (name: string, call: Promise<unknown>) => {
    count(name);
    call.catch((error: Error & { code?: string }) => {
      if (!error.code?.startsWith("ERR_SUPERVISOR_")) errors.push(error);
    });
  };
  for (const end = performance.now() + seconds * 1_000; performance.now() < end; ) {
    await sleep(random.between(300, 2_000));
    if (random.chance(0.15)) start("reload", cluster.call("reload"));
    if (random.chance(0.2)) start("scale", cluster.call("scale", random.between(2, 4)));
    const { workers } = await cluster.status();
    const ready = workers.filter(({ state }) => state === "ready");
    if (ready.length < 2) continue;
    const { pid } = random.pick(ready);
    if (pid === undefined) continue;
    const what = random.pick(TROUBLES);
    count(what.name);
    what.begin(pid, clients);
    // The next one comes when this one is over, so that there is always somebody to go to.
    if (what.lasting) await ended(pid);
  }
  if (errors.length > 0) throw new AggregateError(errors, String(errors));
  return done;
}

/** Resolves when a process has ended; one that was to be blocked may have had no client for it. */
async function ended(pid: number): Promise<void> {
  for (const end = performance.now() + 10_000; isAlive(pid) && performance.now() < end; ) {
    await sleep(20);
  }
}
