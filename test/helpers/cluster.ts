import { type ChildProcess, fork } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";
import type { ClusterManagerOptions, ClusterStatus, StickyOptions } from "../../src/index.js";
import { guardGroup, releaseGroup } from "./group-guard.js";

export interface ClusterSetup {
  /** File name in test/fixtures. Default: worker.js */
  exec?: string;
  count?: number;
  options?: Omit<ClusterManagerOptions, "exec" | "count"> & { sticky?: boolean };
  sticky?: StickyOptions;
  /** Environment of primary and workers. */
  env?: Record<string, string>;
  /** Node's flags for the primary. */
  execArgv?: string[];
  /** What runs the primary, given Node's arguments. Default: this Node. */
  execPath?: string;
}

/** What the fixture says about itself. */
interface Said {
  event: string;
  /** When the primary's event came (`Date.now()`). */
  at?: number;
  pid?: number;
  port?: number;
  message?: string;
  exit?: { exitCode: number | null; signal: string | null; stderr: string };
  error?: { message: string; code: string };
  detail?: Record<string, unknown>;
}

export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

/**
 * A primary with its workers in processes of their own, driven over IPC. It emits what the
 * fixture says, by event name.
 */
export class TestCluster extends EventEmitter<Record<string, [Said]>> {
  readonly child: ChildProcess;
  port = 0;
  /** Everything that was written to stdout and stderr. */
  output = "";
  #lastCall = 0;
  readonly #pending = new Map<number, (message: Record<string, unknown>) => void>();

  constructor({
    exec = "worker.js",
    count = 3,
    options = {},
    sticky = {},
    env = {},
    execArgv = ["--warnings"], // tap takes the warnings away on Node 26
    execPath = process.execPath,
  }: ClusterSetup) {
    super();
    this.child = fork(fixture("primary.js"), {
      // Without the other flags of the test runner: the package has to work in plain Node.
      execArgv,
      execPath,
      // A group of its own, so that nothing survives the test.
      detached: true,
      silent: true,
      env: {
        PATH: process.env.PATH,
        EXEC: fixture(exec),
        OPTIONS: JSON.stringify({ manager: { count, ...options }, balancer: sticky }),
        // The whole suite over another adapter: ADAPTER=ipc.
        ...(process.env.ADAPTER && { ADAPTER: process.env.ADAPTER }),
        ...env,
      },
    });
    if (this.child.pid !== undefined) guardGroup(this.child.pid);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    this.child.on("message", (message: Said & { id?: number }) => {
      if (message.id !== undefined) this.#pending.get(message.id)?.({ ...message });
      else if (message.event !== undefined) this.emit(message.event, message);
    });
  }

  get exited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async call<T>(call: string, ...args: unknown[]): Promise<T> {
    const id = ++this.#lastCall;
    const answer = new Promise<Record<string, unknown>>((resolve) =>
      this.#pending.set(id, resolve),
    );
    this.child.send({ id, call, args });
    const { result, error } = await answer;
    if (error) throw Object.assign(new Error((error as Error).message), error);
    return result as T;
  }

  status(): Promise<ClusterStatus> {
    return this.call("status");
  }

  async pids(): Promise<number[]> {
    return (await this.status()).workers.map(({ pid }) => pid ?? 0);
  }

  /** Kills a worker and resolves when the primary has seen it and has all workers again. */
  async killWorker(pid: number, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const ready = once(this, "worker:ready");
    process.kill(pid, signal);
    await ready;
  }

  async exit(): Promise<{ code: number | null; signal: string | null }> {
    if (!this.exited) await once(this.child, "exit");
    return { code: this.child.exitCode, signal: this.child.signalCode };
  }

  destroy(): void {
    const { pid } = this.child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
    releaseGroup(pid);
  }
}

/** Starts a cluster that ends with the test, however the test ends. */
export async function startCluster(t: Test, setup: ClusterSetup = {}): Promise<TestCluster> {
  const cluster = launchCluster(t, setup);
  const failed = once(cluster, "start-failed").then(([said]) => {
    throw new Error(`${(said as Said).error?.message}\n${cluster.output}`);
  });
  const ended = once(cluster.child, "exit").then(() => {
    throw new Error(`The primary ended.\n${cluster.output}`);
  });
  ended.catch(() => {}); // after the start, an exit is the test's to judge
  const [said] = (await Promise.race([once(cluster, "listening"), failed, ended])) as [Said];
  cluster.port = said.port ?? 0;
  return cluster;
}

/** The same without waiting: for starts that fail. */
export function launchCluster(t: Test, setup: ClusterSetup = {}): TestCluster {
  const cluster = new TestCluster(setup);
  const end = () => cluster.destroy();
  process.once("exit", end);
  t.teardown(() => {
    process.off("exit", end);
    end();
  });
  return cluster;
}

export { isAlive } from "../../src/system/is-alive.js";
