import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { Counting, trouble } from "../helpers/chaos.js";
import { ALL_TRANSPORTS, startClient } from "../helpers/clients.js";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { Random } from "../helpers/random.js";

const SECONDS = Number(process.env.CHAOS_SECONDS ?? 60);
const CLIENTS = 15;
const WORKERS = 3;

/** Within which clients are back after their worker's end (ms). */
const BACK = 3_000;

/** What this process itself is late, on a machine where all cores are busy, is not counted. */
const LATE = 1_000;

/** Within which everything is as it was, when the chaos is over (ms). */
const SETTLED = 30_000;

interface Vitals {
  heap: number;
  descriptors: number;
  listeners: Record<string, number>;
}

/** Names in the cluster's folders for gateways; no folder, no names. */
function gatewayFiles(cluster: TestCluster): string[] {
  const prefix = `socket-supervisor-${cluster.child.pid}-`;
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(prefix))
    .flatMap((name) => [name, ...readdirSync(join(tmpdir(), name))]);
}

/** Waits for `wrong` to find nothing more; what it still finds then is told. */
async function settles(wrong: () => Promise<string[]> | string[]): Promise<string[]> {
  for (const end = performance.now() + SETTLED; ; await sleep(100)) {
    const found = await wrong();
    if (found.length === 0 || performance.now() > end) return found;
  }
}

async function isWhole(cluster: TestCluster): Promise<string[]> {
  const { workers } = await cluster.status();
  const states = workers.map(({ state }) => state);
  const whole = states.length === WORKERS && states.every((state) => state === "ready");
  return whole ? [] : [`the workers are ${states}`];
}

t.setTimeout((SECONDS + 150) * 1_000);

t.test(`chaos for ${SECONDS} s leaves no trace`, async (t) => {
  t.setTimeout((SECONDS + 120) * 1_000);
  const random = new Random();
  t.comment(`seed ${random.seed}`);
  const cluster = await startCluster(t, {
    count: WORKERS,
    execArgv: ["--warnings", "--expose-gc"],
    options: {
      hangTimeout: 2_500,
      drainTimeout: 1_000,
      backoffInitial: 50,
      backoffMax: 200,
      limit: 100_000,
    },
    env: {
      IO_MODULE: "ticks.js",
      IO_OPTIONS: JSON.stringify({ pingInterval: 1_000, pingTimeout: 1_500 }),
    },
  });
  const open = () =>
    Array.from({ length: CLIENTS }, (_, n) => {
      const transports = ALL_TRANSPORTS[n % ALL_TRANSPORTS.length];
      const options = { reconnectionDelay: 20, reconnectionDelayMax: 200, timeout: 1_500 };
      return new Counting(startClient(t, cluster.port, transports, options));
    });
  const areHeard = (clients: readonly Counting[], pids: readonly number[]) =>
    clients.flatMap(({ socket, latest, worker }, n) => {
      const missing = pids.filter((pid) => !latest.has(pid));
      if (socket.connected && missing.length === 0) return [];
      return [`client ${n} of ${worker}: connected ${socket.connected}, nothing from ${missing}`];
    });

  // Everything has happened once before it is measured.
  const first = open();
  t.same(await settles(async () => areHeard(first, await cluster.pids())), [], "all hear all");
  await cluster.call("reload");
  await cluster.call("scale", WORKERS + 1);
  await cluster.call("scale", WORKERS);
  for (const { socket } of first) socket.disconnect();
  t.same(await settles(() => isWhole(cluster)), []);
  const before = await cluster.call<Vitals>("vitals");
  const filesBefore = gatewayFiles(cluster).length;

  const clients = open();
  t.same(await settles(async () => areHeard(clients, await cluster.pids())), []);
  const checks: Promise<void>[] = [];
  const late: string[] = [];
  let deaths = 0;
  let lastDeath = 0;
  cluster.on("worker:exit", ({ pid }) => {
    deaths++;
    lastDeath = performance.now();
    const check = async () => {
      // Whoever had come to another worker that was in trouble as well is back after the end of that.
      while (performance.now() < lastDeath + BACK) await sleep(50);
      if (performance.now() > lastDeath + BACK + LATE) return; // nobody could have been in time
      for (const [n, { worker, socket }] of clients.entries()) {
        const { name } = socket.io.engine.transport;
        if (worker === pid) late.push(`client ${n} (${name}) is not back from worker ${pid}`);
      }
    };
    checks.push(check());
  });
  const done = await trouble(cluster, clients, random, SECONDS);
  t.comment(`${JSON.stringify([...done])}, ${deaths} workers ended`);
  await Promise.all(checks);
  t.same(late, [], `clients are back ${BACK} ms after the end of their worker`);
  await cluster.call("scale", WORKERS);
  t.same(await settles(() => isWhole(cluster)), [], "the cluster is whole again");
  t.same(
    await settles(async () => areHeard(clients, await cluster.pids())),
    [],
    "all clients are back, and hear all workers",
  );
  t.same(
    clients.flatMap(({ troubles }) => troubles),
    [],
    "no message is lost",
  );
  t.ok(
    clients.every(({ ticks }) => ticks > SECONDS),
    "and there were some",
  );
  for (const { socket } of clients) socket.disconnect();

  const left = await settles(async () => {
    const { heap, descriptors, listeners } = await cluster.call<Vitals>("vitals");
    return [
      ...(heap > before.heap + 10e6 ? [`heap: ${before.heap} → ${heap}`] : []),
      ...(descriptors > before.descriptors
        ? [`descriptors: ${before.descriptors} → ${descriptors}`]
        : []),
      ...Object.entries(listeners)
        .filter(([name, count]) => count > (before.listeners[name] ?? 0))
        .map(([name, count]) => `${count} listeners of ${name}`),
      ...(gatewayFiles(cluster).length > filesBefore ? gatewayFiles(cluster) : []),
      ...(await isWhole(cluster)),
    ];
  });
  t.same(left, [], "memory, descriptors, listeners and files are as they were");
  await cluster.call("stop");
  t.same(gatewayFiles(cluster), [], "and a stopped cluster leaves no files");
});
