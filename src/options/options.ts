import { availableParallelism } from "node:os";
import { OptionError } from "../errors.js";
import { MAX_QUEUE, MAX_RECOVERY_BYTES } from "../limits.js";
import { LOAD_BALANCING_METHODS, type LoadBalancingMethod } from "../policy/balance.js";
import {
  environment,
  expectObject,
  flag,
  integer,
  type Logger,
  logger,
  milliseconds,
  oneOf,
  strings,
  text,
} from "./checks.js";
import { atLevel, LOG_LEVELS, type LogLevel } from "./log-lines.js";
import { refuseUnknown } from "./nearest-name.js";
import { MANAGER_NAMES, STICKY_NAMES, UNUSED_SETTINGS, WORKER_NAMES } from "./other-names.js";
import { isLoopback } from "./status-host.js";

/** `"direct"`: this package's own routing. `"upstream"`: `@socket.io/sticky` on both sides. */
export type Routing = "direct" | "upstream";

/** Options of {@link ClusterManager}. All are optional. */
export interface ClusterManagerOptions {
  /** File that each worker runs. Default: `process.argv[1]`, the file that runs now. */
  exec?: string;
  /** Number of workers. Default: `os.availableParallelism()`. */
  count?: number;
  /** Arguments of the workers. Default: none. */
  args?: readonly string[];
  /** Node's own flags for the workers. Default: those of this process, loaders included. */
  execArgv?: readonly string[];
  /** Environment variables for the workers, added to this process's own. */
  env?: Record<string, string | undefined>;
  /** Sticky sessions. Default: `true` when `port` is given, else `false`. */
  sticky?: boolean;
  /** How new sessions are spread. Default: `"least-connection"`. */
  stickyLoadBalancingMethod?: LoadBalancingMethod;
  /** `"direct"` (default), or `"upstream"`: `@socket.io/sticky` on both sides. */
  routing?: Routing;
  /** Listen here: the manager makes the server, and `start()` opens it. 0 picks a free port. */
  port?: number;
  /** Address for `port`. Default: all addresses. */
  host?: string;
  /** The workers speak TLS on `port`: theirs are `https` servers. Default: `false`. */
  tls?: boolean;
  /** Replace workers that die. Default: `true`. */
  refork?: boolean;
  /** Deaths within `duration` after which the manager gives up. Default: 60. */
  limit?: number;
  /** ms; see `limit`. Default: 60,000. */
  duration?: number;
  /** ms a worker may take to become ready. Default: 30,000. */
  workerInitTimeout?: number;
  /** ms before the second restart in a row of one worker; doubles from there. Default: 100. */
  backoffInitial?: number;
  /** ms that a restart waits at most. Default: 2,000. */
  backoffMax?: number;
  /** ms of life after which a worker's earlier deaths are forgotten. Default: 10,000. */
  backoffForgetAfter?: number;
  /** ms over which a leaving worker's sessions are moved to the others. Default: 30,000. */
  drainTimeout?: number;
  /**
   * ms that a reload may take once the new workers are ready: the old ones get less than
   * `drainTimeout` and `stopTimeout` then, but a second to end. Default: no limit.
   */
  reloadTimeout?: number;
  /** Workers that a reload replaces at a time. Default: 1. */
  reloadConcurrency?: number;
  /** ms that `stop()` may take before workers are killed. Default: 10,000. */
  stopTimeout?: number;
  /** ms without a heartbeat after which a worker is killed and replaced. Default: 10,000. */
  hangTimeout?: number;
  /** Bytes of resident memory above which a worker is replaced gracefully. Default: no limit. */
  maxMemory?: number;
  /**
   * Bytes that may wait for one worker in the primary, and in each other worker. One that does not
   * read them is killed and replaced, also under a debugger. Default: 67,108,864 (64 MiB).
   */
  maxQueue?: number;
  /** What the CLI calls this cluster. Default: `name` of the nearest package.json. */
  name?: string;
  /** Open a control socket, for the CLI and health checks. Default: `true`. */
  control?: boolean;
  /** Port of the page, `/metrics` and health checks; 0 picks a free one. Default: none. */
  statusPort?: number;
  /** Address for `statusPort`; another than loopback needs `statusToken`. Default: `"127.0.0.1"`. */
  statusHost?: string;
  /** Who asks `statusPort` has to give it, but for health checks. Default: none. */
  statusToken?: string;
  /** Default: `console`. pino, bunyan and winston get what a line says as fields, too. */
  logger?: Logger;
  /** Put the worker's number before each line that a worker writes, as in `[2] `. Default: `false`. */
  logPrefix?: boolean;
  /** The least that is logged: `"info"` (default), `"warn"`, `"error"`, `"silent"`. */
  logLevel?: LogLevel;
}

/** {@link ClusterManagerOptions} as a manager has them: checked, with the defaults, frozen. */
export type ResolvedManagerOptions = Readonly<
  Required<
    Omit<
      ClusterManagerOptions,
      | ("port" | "host" | "execArgv" | "exec" | "maxMemory" | "maxQueue" | "name")
      | ("statusPort" | "statusToken" | "reloadTimeout")
    >
  > & {
    statusPort: number | undefined;
    statusToken: string | undefined;
    maxQueue: number | undefined;
    reloadTimeout: number | undefined;
    name: string | undefined;
    exec: string | undefined;
    maxMemory: number | undefined;
    execArgv: readonly string[] | undefined;
    port: number | undefined;
    host: string | undefined;
  }
>;

/** Options of {@link setupStickyMaster}. */
export interface StickyOptions {
  /** How new sessions are spread. Default: `"least-connection"`. */
  loadBalancingMethod?: LoadBalancingMethod;
  /** `"direct"` (default), or `"upstream"`: `@socket.io/sticky` on both sides. */
  routing?: Routing;
  /** The workers speak TLS on this server. Default: whether it is a `tls.Server`. */
  tls?: boolean;
  /**
   * Its connections go to the workers' HTTP server of this name (an option of `setupWorker()`).
   * Default: to the first, second… without a name, for the first, second… call.
   */
  name?: string;
  /** ms within which a connection must have sent its request line. Default: 10,000. */
  requestLineTimeout?: number;
  /** Connections that may be without a request line at once. Default: 10,000. */
  maxUnrouted?: number;
  /**
   * Bytes that may wait for one worker in the primary, and in each other worker; one that does not
   * read them is killed. It counts for all servers of the process: the last one given. Default: that
   * of the `ClusterManager`, or 67,108,864 (64 MiB).
   */
  maxQueue?: number;
}

export type ResolvedStickyOptions = Readonly<
  Required<Omit<StickyOptions, "tls" | "name" | "maxQueue">> & {
    maxQueue: number | undefined;
    tls: boolean | undefined;
    name: string | undefined;
  }
>;

/**
 * Checks the options of a `ClusterManager`.
 *
 * @throws OptionError for an option that cannot work, or does not exist
 */
export function resolveManagerOptions(
  options: ClusterManagerOptions = {},
  owner = "ClusterManager",
): ResolvedManagerOptions {
  expectObject("options", options);
  const logLevel = oneOf("logLevel", options.logLevel, LOG_LEVELS);
  const resolved = Object.freeze({
    exec: text("exec", options.exec),
    count: workerCount("count", options.count, availableParallelism()),
    args: strings("args", options.args) ?? Object.freeze([]),
    execArgv: strings("execArgv", options.execArgv),
    env: Object.freeze({ ...environment("env", options.env) }),
    sticky: flag("sticky", options.sticky, options.port !== undefined),
    stickyLoadBalancingMethod: oneOf(
      "stickyLoadBalancingMethod",
      options.stickyLoadBalancingMethod,
      LOAD_BALANCING_METHODS,
    ),
    routing: oneOf("routing", options.routing, ["direct", "upstream"]),
    port: options.port === undefined ? undefined : integer("port", options.port, 0, 0, 65_535),
    host: text("host", options.host),
    tls: flag("tls", options.tls, false),
    refork: flag("refork", options.refork, true),
    limit: integer("limit", options.limit, 60, 1, 1_000_000),
    duration: milliseconds("duration", options.duration, 60_000),
    workerInitTimeout: milliseconds("workerInitTimeout", options.workerInitTimeout, 30_000),
    backoffInitial: milliseconds("backoffInitial", options.backoffInitial, 100),
    backoffMax: milliseconds("backoffMax", options.backoffMax, 2_000),
    backoffForgetAfter: milliseconds("backoffForgetAfter", options.backoffForgetAfter, 10_000),
    drainTimeout: milliseconds("drainTimeout", options.drainTimeout, 30_000),
    reloadTimeout:
      options.reloadTimeout === undefined
        ? undefined
        : milliseconds("reloadTimeout", options.reloadTimeout, 0),
    reloadConcurrency: integer("reloadConcurrency", options.reloadConcurrency, 1, 1, 1_024),
    stopTimeout: milliseconds("stopTimeout", options.stopTimeout, 10_000),
    hangTimeout: hangTimeout("hangTimeout", options.hangTimeout),
    maxMemory:
      options.maxMemory === undefined
        ? undefined
        : integer("maxMemory", options.maxMemory, 0, 1, Number.MAX_SAFE_INTEGER),
    maxQueue: queueBytes("maxQueue", options.maxQueue),
    name: text("name", options.name),
    control: flag("control", options.control, true),
    ...statusOptions(options),
    logPrefix: flag("logPrefix", options.logPrefix, false),
    logLevel,
    logger: atLevel(logger("logger", options.logger), logLevel),
  });
  refuseUnknown(owner, options, [...Object.keys(resolved), ...UNUSED_SETTINGS], MANAGER_NAMES);
  return resolved;
}

/**
 * Checks the options of `setupStickyMaster()`.
 *
 * @throws OptionError for an option that cannot work, or does not exist
 */
export function resolveStickyOptions(options: StickyOptions = {}): ResolvedStickyOptions {
  expectObject("options", options);
  const resolved = Object.freeze({
    loadBalancingMethod: oneOf(
      "loadBalancingMethod",
      options.loadBalancingMethod,
      LOAD_BALANCING_METHODS,
    ),
    routing: oneOf("routing", options.routing, ["direct", "upstream"]),
    tls: options.tls === undefined ? undefined : flag("tls", options.tls, false),
    name: text("name", options.name),
    requestLineTimeout: milliseconds("requestLineTimeout", options.requestLineTimeout, 10_000),
    maxUnrouted: integer("maxUnrouted", options.maxUnrouted, 10_000, 1, 1_000_000),
    maxQueue: queueBytes("maxQueue", options.maxQueue),
  });
  refuseUnknown("setupStickyMaster()", options, Object.keys(resolved), STICKY_NAMES);
  return resolved;
}

/** Options of {@link setupWorker}. */
export interface WorkerOptions {
  /**
   * Of several HTTP servers in a worker, which one this is: the `name` of a `setupStickyMaster()`.
   * Also tells apart Socket.IO servers that have the same path. Default: the order of the calls.
   */
  name?: string;
  /**
   * A thread that ends this worker when the primary is gone though its event loop is blocked, and
   * tells where it is blocked. Costs 10 to 18 MB of memory. Default: `true`.
   */
  watchdog?: boolean;
  /**
   * Proxies whose `X-Forwarded-For` is believed, so that `handshake.address` is the client's:
   * addresses, subnets, `"loopback"`, `"linklocal"`, `"uniquelocal"`. Default: none.
   */
  trustProxy?: readonly string[];
  /**
   * With `connectionStateRecovery`: bytes of the messages that this worker keeps, of all workers
   * together; the oldest go first. Default: 64 MiB.
   */
  recoveryBytes?: number;
}

export type ResolvedWorkerOptions = Readonly<{
  name: string | undefined;
  watchdog: boolean;
  trustProxy: readonly string[];
  recoveryBytes: number;
}>;

/**
 * Checks the options of `setupWorker()`, but for `adapter`, which is Socket.IO's to check.
 *
 * @throws OptionError for an option that cannot work, or does not exist
 */
export function resolveWorkerOptions(options: WorkerOptions = {}): ResolvedWorkerOptions {
  expectObject("options", options);
  const resolved = Object.freeze({
    name: text("name", options.name),
    watchdog: flag("watchdog", options.watchdog, true),
    trustProxy: strings("trustProxy", options.trustProxy) ?? Object.freeze([]),
    recoveryBytes: queueBytes("recoveryBytes", options.recoveryBytes) ?? MAX_RECOVERY_BYTES,
  });
  refuseUnknown("setupWorker()", options, [...Object.keys(resolved), "adapter"], WORKER_NAMES);
  return resolved;
}

/** ms without a heartbeat after which a worker gets no new sessions. */
export const HEARTBEAT_TIMEOUT = 2_000;

function hangTimeout(name: string, value: unknown): number {
  const timeout = milliseconds(name, value, 10_000);
  if (timeout > HEARTBEAT_TIMEOUT) return timeout;
  throw new OptionError(
    name,
    value,
    `more than ${HEARTBEAT_TIMEOUT} ms, after which a silent worker gets no new sessions`,
  );
}

/** What the status page shows is for this machine, or for who has a token. */
function statusOptions({ statusPort, statusHost, statusToken }: ClusterManagerOptions) {
  const host = text("statusHost", statusHost) ?? "127.0.0.1";
  const token = text("statusToken", statusToken);
  if (!isLoopback(host) && token === undefined) {
    throw new OptionError("statusHost", host, "a loopback address, unless there is a statusToken");
  }
  const port =
    statusPort === undefined ? undefined : integer("statusPort", statusPort, 0, 0, 65_535);
  return { statusPort: port, statusHost: host, statusToken: token };
}

/** Less than Node itself lets wait before it says that a channel is behind would be no bound. */
function queueBytes(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  return integer(name, value, MAX_QUEUE, 256 * 1024, Number.MAX_SAFE_INTEGER);
}

/** How many workers: an option, and the argument of `scale()`. */
export function workerCount(name: string, value: unknown, fallback: number): number {
  return integer(name, value, fallback, 1, 1_024);
}
