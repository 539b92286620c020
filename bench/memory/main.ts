import { fork, spawnSync } from "node:child_process";
import cluster, { type Worker } from "node:cluster";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ClusterManager } from "../../src/index.js";
import { MAX_QUEUE } from "../../src/limits.js";
import { describeMachine } from "../report/machine.js";

const MB = 1024 * 1024;
/** What the primary may need beside the bound (bytes). */
const ALLOWANCE = 64 * MB;
const SAMPLE_EVERY = 100;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "30" },
    rate: { type: "string", default: "300" },
    payload: { type: "string", default: "100000" },
    /** Way between the workers: "ipc" goes through this process, "mesh" does not. Default: both. */
    adapter: { type: "string" },
    /** What the other worker does; default: one after the other. */
    trouble: { type: "string" },
    /** File for the raw results. */
    json: { type: "string" },
    /** Measure in this process, and print the result as JSON. */
    raw: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);

/** What becomes of one of the workers while another broadcasts. */
const TROUBLES = {
  none: () => {},
  stopped: (worker: Worker) => worker.process.kill("SIGSTOP"),
  slow: (worker: Worker) => worker.send({ role: "slow" }),
} satisfies Record<string, (worker: Worker) => void>;

/** Resident memory of a process (bytes). */
interface Memory {
  start: number;
  peak: number;
  end: number;
}

interface Result {
  primary: Memory;
  /** Of the worker that broadcasts. */
  sender: Memory;
  queue: number;
  replaced: number;
}

/** This process is the primary, so that its memory is that of nothing else. */
async function measure(trouble: (worker: Worker) => void): Promise<Result> {
  const manager = new ClusterManager({
    exec: fileURLToPath(new URL("worker.js", import.meta.url)),
    execArgv: [],
    count: 2,
    port: 0,
    host: "127.0.0.1",
    sticky: true,
    control: false,
    limit: 1_000,
    // So that the bound alone decides, and not the heartbeat.
    hangTimeout: 600_000,
    env: {
      RATE: values.rate,
      PAYLOAD: values.payload,
      ADAPTER: values.adapter ?? "",
      BUSY: "1500",
      PAUSE: "10",
    },
    logger: { info() {}, warn() {}, error() {} },
  });
  await manager.start();
  const [sender] = Object.values(cluster.workers ?? {});
  if (sender === undefined) throw new Error("There are no workers");
  let rss = 0;
  sender.on("message", (message: { rss?: number }) => {
    rss = message.rss ?? rss;
  });
  const client = fork(fileURLToPath(new URL("client.js", import.meta.url)), [
    String(manager.status().address?.port),
  ]);
  const joined = onceJoined();
  sender.send({ role: "broadcast" });
  const victim = await joined;
  await sleep(2_000); // what broadcasts themselves need is no growth
  const now = (): { primary: number; sender: number } => ({
    primary: process.memoryUsage.rss(),
    sender: rss,
  });
  const at = now();
  const result: Result = {
    primary: { start: at.primary, peak: at.primary, end: at.primary },
    sender: { start: at.sender, peak: at.sender, end: at.sender },
    queue: 0,
    replaced: 0,
  };
  const onExit = (): void => void result.replaced++;
  manager.on("worker:exit", onExit);
  trouble(victim);
  // Whoever takes the place of a troubled worker has the same trouble, as soon as it has a client.
  cluster.on("message", (worker, message: { member?: number }) => {
    if (message.member !== undefined && worker !== victim) trouble(worker);
  });
  for (const until = performance.now() + seconds * 1_000; performance.now() < until; ) {
    await sleep(SAMPLE_EVERY);
    for (const [name, bytes] of Object.entries(now()) as ["primary" | "sender", number][]) {
      const memory = result[name];
      memory.end = bytes;
      memory.peak = Math.max(memory.peak, bytes);
    }
    for (const { queue } of manager.status().workers) result.queue = Math.max(result.queue, queue);
  }
  manager.off("worker:exit", onExit);
  client.kill();
  await manager.stop(1_000);
  return result;
}

/** Resolves with the first worker that has a client for what is broadcast. */
function onceJoined(): Promise<Worker> {
  return new Promise((resolve) => {
    cluster.on("message", function onMessage(worker, message: { member?: number }) {
      if (message.member === undefined) return;
      cluster.off("message", onMessage);
      resolve(worker);
    });
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const megabytes = (bytes: number): string => `${Math.round(bytes / MB)} MB`;

async function measureHere(name: string): Promise<Result> {
  const trouble = Object.entries(TROUBLES).find(([known]) => known === name)?.[1];
  if (trouble === undefined) throw new Error(`--trouble ${name}: none of these`);
  return await measure(trouble);
}

/** Each in a process of its own: memory that one has had is not given back at once. */
function measureAll(adapter: string, troubles: readonly string[]): Record<string, Result> {
  process.stdout.write(
    `${values.rate} broadcasts of ${values.payload} bytes a second over "${adapter}", for ` +
      `${seconds} s each; maxQueue ${megabytes(MAX_QUEUE)}\n\n` +
      "| the other worker | process | start | peak | end | growth | queue | replaced | within |\n" +
      "|---|---|---|---|---|---|---|---|---|\n",
  );
  const results: Record<string, Result> = {};
  for (const trouble of troubles) {
    const own = ["--raw", "--adapter", adapter, "--trouble", trouble];
    const args = [...process.execArgv, ...process.argv.slice(1), ...own];
    const { status, stdout } = spawnSync(process.execPath, args, {
      stdio: ["ignore", "pipe", "inherit"],
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`${adapter}, ${trouble}: exit code ${status}`);
    const result: Result = JSON.parse(stdout);
    results[trouble] = result;
    print(trouble, result);
  }
  process.stdout.write("\n");
  return results;
}

function print(trouble: string, { primary, sender, queue, replaced }: Result): void {
  for (const [name, { start, peak, end }] of Object.entries({ primary, sender })) {
    const isWithin = peak <= start + ALLOWANCE + MAX_QUEUE;
    if (!isWithin) process.exitCode = 1;
    const figures = [start, peak, end, peak - start, queue].map(megabytes).join(" | ");
    process.stdout.write(
      `| ${trouble} | ${name} | ${figures} | ${replaced} | ${isWithin ? "yes" : "**no**"} |\n`,
    );
  }
}

if (values.raw) {
  process.stdout.write(JSON.stringify(await measureHere(values.trouble ?? "none")));
} else {
  const { facts, text } = describeMachine();
  process.stdout.write(`${text}\n\n`);
  const troubles = values.trouble === undefined ? Object.keys(TROUBLES) : [values.trouble];
  const adapters = values.adapter === undefined ? ["mesh", "ipc"] : [values.adapter];
  const raw = Object.fromEntries(adapters.map((name) => [name, measureAll(name, troubles)]));
  if (values.json !== undefined) {
    const load = { rate: Number(values.rate), payload: Number(values.payload), seconds };
    const command = `npm run bench:memory -- --seconds ${seconds} --json ${values.json}`;
    const date = new Date().toISOString();
    const results = { command, date, machine: facts, load, maxQueue: MAX_QUEUE, raw };
    writeFileSync(values.json, `${JSON.stringify(results, null, 1)}\n`);
  }
}
