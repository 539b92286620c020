import { spawnSync } from "node:child_process";
import cluster, { type Worker } from "node:cluster";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ClusterManager } from "../../src/index.js";
import { MAX_QUEUE } from "../../src/limits.js";

const MB = 1024 * 1024;
/** What the primary may need beside the bound (bytes). */
const ALLOWANCE = 64 * MB;
const SAMPLE_EVERY = 100;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "30" },
    rate: { type: "string", default: "300" },
    payload: { type: "string", default: "100000" },
    /** Way between the workers: "ipc" goes through this process, "mesh" does not. */
    adapter: { type: "string", default: "ipc" },
    /** One of them only, in this process. */
    trouble: { type: "string" },
  },
});
const seconds = Number(values.seconds);

/** What becomes of one of the workers while another broadcasts. */
const TROUBLES = {
  none: () => {},
  stopped: (worker: Worker) => worker.process.kill("SIGSTOP"),
  slow: (worker: Worker) => worker.send({ role: "slow" }),
} satisfies Record<string, (worker: Worker) => void>;

interface Result {
  start: number;
  peak: number;
  end: number;
  queue: number;
  replaced: number;
}

/** This process is the primary, so that its memory is that of nothing else. */
async function measure(trouble: (worker: Worker) => void): Promise<Result> {
  const manager = new ClusterManager({
    exec: fileURLToPath(new URL("worker.js", import.meta.url)),
    execArgv: [],
    count: 2,
    sticky: true,
    control: false,
    limit: 1_000,
    // So that the bound alone decides, and not the heartbeat.
    hangTimeout: 600_000,
    env: {
      RATE: values.rate,
      PAYLOAD: values.payload,
      ADAPTER: values.adapter,
      BUSY: "1500",
      PAUSE: "10",
    },
    logger: { info() {}, warn() {}, error() {} },
  });
  await manager.start();
  const [sender, victim] = Object.values(cluster.workers ?? {});
  if (sender === undefined || victim === undefined) throw new Error("There are no workers");
  const result: Result = { start: 0, peak: 0, end: 0, queue: 0, replaced: 0 };
  manager.on("worker:exit", () => result.replaced++);
  // Whoever takes the place of a troubled worker has the same trouble.
  manager.on("worker:ready", (worker) => trouble(worker));
  sender.send({ role: "broadcast" });
  await sleep(1_000); // what the relay itself needs is no growth
  result.start = process.memoryUsage.rss();
  trouble(victim);
  for (const until = performance.now() + seconds * 1_000; performance.now() < until; ) {
    await sleep(SAMPLE_EVERY);
    result.end = process.memoryUsage.rss();
    result.peak = Math.max(result.peak, result.end);
    for (const { queue } of manager.status().workers) result.queue = Math.max(result.queue, queue);
  }
  await manager.stop(1_000);
  return result;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const megabytes = (bytes: number): string => `${Math.round(bytes / MB)} MB`;

async function measureHere(name: string): Promise<void> {
  const trouble = Object.entries(TROUBLES).find(([known]) => known === name)?.[1];
  if (trouble === undefined) throw new Error(`--trouble ${name}: none of these`);
  const { start, peak, end, queue, replaced } = await measure(trouble);
  const isBounded = peak <= start + ALLOWANCE + MAX_QUEUE;
  process.stdout.write(
    `| ${name} | ${[start, peak, end, queue].map(megabytes).join(" | ")} | ${replaced} | ` +
      `${isBounded ? "yes" : "**no**"} |\n`,
  );
  process.exitCode = isBounded ? 0 : 1;
}

/** Each in a process of its own: memory that one has had is not given back at once. */
function measureAll(): void {
  process.stdout.write(
    `${values.rate} broadcasts of ${values.payload} bytes a second, for ${seconds} s each; ` +
      `maxQueue ${megabytes(MAX_QUEUE)}, Node ${process.version}\n\n` +
      "| the other worker | start | peak | end | queue | replaced | within the bound |\n" +
      "|---|---|---|---|---|---|---|\n",
  );
  for (const name of Object.keys(TROUBLES)) {
    const args = [...process.execArgv, ...process.argv.slice(1), "--trouble", name];
    const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
    if (status !== 0) process.exitCode = 1;
  }
}

if (values.trouble === undefined) measureAll();
else await measureHere(values.trouble);
