/**
 * What messages between workers cost: CPU of all server processes for each operation, over the
 * mesh, over IPC, and with @socket.io/sticky and @socket.io/cluster-adapter, in turns.
 *
 *     npm run build && node --import tsx bench/mesh/main.ts [--workers 8] [--count 1000] [--fetch]
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import WebSocket from "ws";
import { readCpu, usedCpu } from "../cpu.js";
import type { ServerProcess } from "../systems/system.js";

type SystemName = "mesh" | "ipc" | "sticky" | "plain";
type Operation = "nobody" | "one" | "everybody" | "fetch" | "nothing";

interface Ready {
  port: number;
  pids: number[];
}

/** A system that serves, and what can be asked of it. */
class Running {
  readonly #child: ChildProcess;
  readonly #clients: WebSocket[];
  readonly processes: ServerProcess[];

  private constructor(child: ChildProcess, clients: WebSocket[], pids: number[]) {
    this.#child = child;
    this.#clients = clients;
    this.processes = [
      { pid: child.pid ?? 0, role: "primary" },
      ...pids.map((pid) => ({ pid, role: "worker" as const })),
    ];
  }

  static async start(system: SystemName, workers: number, clients: number): Promise<Running> {
    const env = { ...process.env, SYSTEM: system, WORKERS: String(workers) };
    const child = fork(new URL("server.js", import.meta.url), { env, execArgv: [] });
    const { port, pids } = await new Promise<Ready>((resolve) =>
      child.on("message", (said: Partial<Ready>) => {
        if (said.port !== undefined) resolve(said as Ready); // pm2 is told that it is ready, too
      }),
    );
    const sockets: WebSocket[] = [];
    while (sockets.length < clients) {
      const batch = Math.min(50, clients - sockets.length);
      sockets.push(...(await Promise.all(Array.from({ length: batch }, () => connect(port)))));
    }
    return new Running(child, sockets, pids);
  }

  /** @returns µs of CPU for each operation, by role */
  async measure(operation: Operation, count: number, pause: number) {
    const [asking] = this.#clients;
    if (asking === undefined) throw new Error("There is no client");
    const before = readCpu(this.processes);
    const start = performance.now();
    asking.send(`42${JSON.stringify(["run", operation, count, pause])}`);
    await new Promise<void>((resolve) => {
      const listener = (data: unknown) => {
        if (!String(data).startsWith('42["ran"')) return;
        asking.off("message", listener);
        resolve();
      };
      asking.on("message", listener);
    });
    const ms = performance.now() - start;
    const used = usedCpu(this.processes, before, readCpu(this.processes));
    const sum = (role: "primary" | "worker") => (used[role]?.user ?? 0) + (used[role]?.system ?? 0);
    return { primary: sum("primary"), all: sum("primary") + sum("worker"), ms };
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.terminate();
    const exit = once(this.#child, "exit");
    this.#child.disconnect();
    await exit;
  }
}

/** A client over WebSocket that only listens. */
async function connect(port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  const connected = new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.on("message", (data) => {
      const text = String(data);
      if (text.startsWith("0")) socket.send("40");
      else if (text === "2") socket.send("3");
      else if (text.startsWith("40")) resolve();
    });
  });
  await connected;
  return socket;
}

const RUNS = 3;
/** ms between two operations: each is alone, as messages of a chat are. */
const PAUSE = 1;

async function compare(
  systems: readonly SystemName[],
  operations: readonly Operation[],
  options: { workers: number; clients: number; count: number },
): Promise<void> {
  const { workers, clients, count } = options;
  console.log(`\n${workers} workers, ${clients} clients, µs of CPU for each operation (primary)\n`);
  console.log(`| | ${systems.join(" | ")} | mesh : ${systems.at(-1)} |`);
  console.log(`|---|${systems.map(() => "---|").join("")}---|`);
  const running: Running[] = [];
  try {
    for (const system of systems) {
      const own = system === "plain" ? 1 : workers;
      running.push(await Running.start(system, own, clients));
    }
    for (const system of running) await system.measure("everybody", count, PAUSE);
    for (const operation of operations) {
      const results: { all: number; primary: number }[] = [];
      for (const system of running) {
        const samples = [];
        for (let run = 0; run < RUNS; run++) {
          const idle = await system.measure("nothing", count, PAUSE);
          const busy = await system.measure(operation, count, PAUSE);
          // What passes by itself (heartbeats, timers), for as long as it took.
          const share = busy.ms / idle.ms;
          samples.push({
            all: (busy.all - idle.all * share) / count,
            primary: (busy.primary - idle.primary * share) / count,
          });
        }
        samples.sort((a, b) => a.all - b.all);
        results.push(samples[Math.floor(RUNS / 2)] ?? { all: 0, primary: 0 });
      }
      const cells = results.map(({ all, primary }) => `${all.toFixed(0)} (${primary.toFixed(1)})`);
      const ratio = (results[0]?.all ?? 0) / (results.at(-1)?.all ?? 1);
      console.log(`| ${operation} | ${cells.join(" | ")} | ${ratio.toFixed(2)} |`);
    }
  } finally {
    for (const system of running) await system.stop();
  }
}

const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "8" },
    count: { type: "string", default: "600" },
    fetch: { type: "boolean", default: false },
  },
});
const count = Number(values.count);
if (values.fetch) {
  await compare(["mesh", "sticky", "plain"], ["fetch"], { workers: 2, clients: 2_000, count: 60 });
} else {
  const options = { workers: Number(values.workers), clients: 40, count };
  await compare(["mesh", "ipc", "sticky"], ["nobody", "one", "everybody", "fetch"], options);
}
