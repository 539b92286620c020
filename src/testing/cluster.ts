import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { OptionError } from "../errors.js";
import type { ClusterStatus, ReloadReport } from "../manager-contract.js";
import { environment, expectObject, flag } from "../options/checks.js";
import {
  type ClusterManagerOptions,
  resolveManagerOptions,
  workerCount,
} from "../options/options.js";
import { createSocketIOClient, type TestClient, type TestClientOptions } from "./client.js";
import { PrimaryProcess } from "./primary-process.js";

/** Options of {@link startTestCluster}; the others are those of `ClusterManager`. */
export interface TestClusterOptions
  extends Omit<ClusterManagerOptions, "exec" | "port" | "host" | "sticky" | "logger"> {
  /** File of the worker: a path, from the working directory on, or a `file:` URL. */
  worker: string | URL;
  /** Number of workers. Default: 2. */
  count?: number;
  /** Node's own flags for the workers, as `["--import", "tsx"]`. Default: none. */
  execArgv?: readonly string[];
  /** Open a control socket, for the CLI. Default: `false`. */
  control?: boolean;
  /** Write what primary and workers write to this process's stderr, too. Default: `false`. */
  verbose?: boolean;
}

const HOST = "127.0.0.1";

/** The clients of a cluster are told apart by other options. */
export type ClusterClientOptions = Omit<TestClientOptions, "url" | "host" | "port" | "protocol">;

/**
 * Starts a cluster for a test, on a free port of 127.0.0.1: a primary in a process of its own, which
 * forks the workers. It ends with `close()` (or `await using`), and with the process that started
 * it, however that ends.
 *
 * @returns when every worker is ready, and the port is open
 * @throws OptionError; WorkerBootError, with what the worker wrote to stderr, when a worker does not
 *   become ready; SupervisorError `ERR_SUPERVISOR_LISTEN`, `ERR_SUPERVISOR_TEST_CLUSTER`. Nothing is
 *   left then.
 */
export async function startTestCluster(options: TestClusterOptions): Promise<TestCluster> {
  expectObject("options", options);
  refuseTaken(options);
  const { worker, verbose, env, ...own } = options;
  const managerOptions = {
    ...own,
    count: own.count ?? 2,
    control: own.control ?? false,
    exec: workerFile(worker),
    host: HOST,
    port: 0,
  };
  const { stopTimeout, tls } = resolveManagerOptions(managerOptions, "startTestCluster()");
  const primary = new PrimaryProcess(environment("env", env), flag("verbose", verbose, false));
  try {
    const port = await primary.start(managerOptions);
    return new TestCluster(primary, { port, stopTimeout, tls });
  } catch (error) {
    await primary.kill();
    throw error;
  }
}

/** What the test cluster decides itself: to be told otherwise would do nothing. */
const TAKEN = {
  exec: "the file of the worker is the option worker",
  host: `it is ${HOST}`,
  logger: "what is written is in cluster.output",
  port: "a free one is taken; cluster.port says which",
};

function refuseTaken(options: object): void {
  for (const [name, why] of Object.entries(TAKEN)) {
    const value: unknown = Reflect.get(options, name);
    if (value !== undefined) throw new OptionError(name, value, `left out (${why})`);
  }
}

/** A running cluster; see {@link startTestCluster}. */
export class TestCluster implements AsyncDisposable {
  readonly port: number;
  /** As "http://127.0.0.1:40123". */
  readonly url: string;
  readonly #primary: PrimaryProcess;
  readonly #stopTimeout: number;
  readonly #clients = new Set<TestClient>();
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(
    primary: PrimaryProcess,
    { port, tls, stopTimeout }: { port: number; tls: boolean; stopTimeout: number },
  ) {
    this.port = port;
    this.url = `${tls ? "https" : "http"}://${HOST}:${port}`;
    this.#primary = primary;
    this.#stopTimeout = stopTimeout;
  }

  /** What primary and workers have written to stdout and stderr, without what is long ago. */
  get output(): string {
    return this.#primary.output;
  }

  /** As `manager.status()`. */
  status(): Promise<ClusterStatus> {
    return this.#primary.call("status");
  }

  /** Pids of the workers that are ready. */
  async pids(): Promise<number[]> {
    const { workers } = await this.status();
    return workers.flatMap(({ pid, state }) => (state === "ready" && pid ? [pid] : []));
  }

  /** As `manager.reload()`. */
  reload(): Promise<ReloadReport> {
    return this.#primary.call("reload");
  }

  /** As `manager.scale()`. */
  async scale(count: number): Promise<void> {
    await this.#primary.call("scale", workerCount("count", count, 1));
  }

  /**
   * Ends a worker as a crash would (SIGKILL).
   *
   * @param pid of a ready worker; default: the first one
   * @returns its pid, when it has ended and all workers are ready again (with `refork: false`, when
   *   it has ended)
   */
  async killWorker(pid?: number): Promise<number> {
    const pids = await this.pids();
    const victim = pid ?? pids[0];
    if (victim === undefined || !pids.includes(victim)) {
      throw new OptionError("pid", pid, `the pid of a ready worker (${pids.join(", ") || "none"})`);
    }
    await this.#primary.call("killWorker", victim);
    return victim;
  }

  /** A connected client of this cluster, which closes with it. See `createSocketIOClient()`. */
  async client(options: ClusterClientOptions = {}): Promise<TestClient> {
    const client = await createSocketIOClient({ ...options, url: this.url });
    this.#clients.add(client);
    return client;
  }

  /**
   * Closes the clients, and stops the cluster as `manager.stop()` does.
   *
   * @returns when all of its processes have ended. Calling it again gives the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#clients].map((client) => client.close()));
    await this.#primary.end(this.#stopTimeout);
  }
}

function workerFile(worker: unknown): string {
  const isUrl = worker instanceof URL || (typeof worker === "string" && /^file:/.test(worker));
  if (!isUrl && (typeof worker !== "string" || worker === "")) {
    throw new OptionError("worker", worker, "the worker's file, as a path or a file: URL");
  }
  const file = isUrl ? fileURLToPath(worker as URL | string) : resolve(worker as string);
  if (!existsSync(file)) throw new OptionError("worker", file, "a file that exists");
  return file;
}
