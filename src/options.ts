import { availableParallelism } from "node:os";
import { OptionError } from "./errors.js";
import { LOAD_BALANCING_METHODS, type LoadBalancingMethod } from "./policy/balance.js";
import type { Routing } from "./protocol.js";

/** Where the manager writes. `console` fits, and so does any common logger. */
export interface Logger {
  info(...data: unknown[]): void;
  warn(...data: unknown[]): void;
  error(...data: unknown[]): void;
}

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
  /** ms that `stop()` may take before workers are killed. Default: 10,000. */
  stopTimeout?: number;
  /** ms without a heartbeat after which a worker is killed and replaced. Default: 10,000. */
  hangTimeout?: number;
  /** Bytes of resident memory above which a worker is replaced gracefully. Default: no limit. */
  maxMemory?: number;
  /** What the CLI calls this cluster. Default: `name` of the nearest package.json. */
  name?: string;
  /** Open a control socket, for the CLI and health checks. Default: `true`. */
  control?: boolean;
  /** Default: `console`. */
  logger?: Logger;
}

export type ResolvedManagerOptions = Readonly<
  Required<
    Omit<ClusterManagerOptions, "port" | "host" | "execArgv" | "exec" | "maxMemory" | "name">
  > & {
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
  /** ms within which a connection must have sent its request line. Default: 10,000. */
  requestLineTimeout?: number;
  /** Connections that may be without a request line at once. Default: 10,000. */
  maxUnrouted?: number;
}

export type ResolvedStickyOptions = Readonly<
  Required<Omit<StickyOptions, "tls">> & { tls: boolean | undefined }
>;

export function resolveManagerOptions(options: ClusterManagerOptions = {}): ResolvedManagerOptions {
  expectObject("options", options);
  return Object.freeze({
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
    refork: flag("refork", options.refork, true),
    limit: integer("limit", options.limit, 60, 1, 1_000_000),
    duration: milliseconds("duration", options.duration, 60_000),
    workerInitTimeout: milliseconds("workerInitTimeout", options.workerInitTimeout, 30_000),
    backoffInitial: milliseconds("backoffInitial", options.backoffInitial, 100),
    backoffMax: milliseconds("backoffMax", options.backoffMax, 2_000),
    backoffForgetAfter: milliseconds("backoffForgetAfter", options.backoffForgetAfter, 10_000),
    drainTimeout: milliseconds("drainTimeout", options.drainTimeout, 30_000),
    stopTimeout: milliseconds("stopTimeout", options.stopTimeout, 10_000),
    hangTimeout: hangTimeout("hangTimeout", options.hangTimeout),
    maxMemory:
      options.maxMemory === undefined
        ? undefined
        : integer("maxMemory", options.maxMemory, 0, 1, Number.MAX_SAFE_INTEGER),
    name: text("name", options.name),
    control: flag("control", options.control, true),
    logger: logger("logger", options.logger),
  });
}

export function resolveStickyOptions(options: StickyOptions = {}): ResolvedStickyOptions {
  expectObject("options", options);
  return Object.freeze({
    loadBalancingMethod: oneOf(
      "loadBalancingMethod",
      options.loadBalancingMethod,
      LOAD_BALANCING_METHODS,
    ),
    routing: oneOf("routing", options.routing, ["direct", "upstream"]),
    tls: options.tls === undefined ? undefined : flag("tls", options.tls, false),
    requestLineTimeout: milliseconds("requestLineTimeout", options.requestLineTimeout, 10_000),
    maxUnrouted: integer("maxUnrouted", options.maxUnrouted, 10_000, 1, 1_000_000),
  });
}

/** The longest delay that Node's timers take (ms). */
const MAX_DELAY = 2 ** 31 - 1;

/** Checks one duration; also used for arguments such as that of `stop(timeout)`. */
export function milliseconds(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && value >= 1 && value <= MAX_DELAY) return value;
  throw new OptionError(name, value, `a number of milliseconds from 1 to ${MAX_DELAY}`);
}

function integer(name: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max) return Number(value);
  throw new OptionError(name, value, `an integer from ${min} to ${max}`);
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

/** How many workers: an option, and the argument of `scale()`. */
export function workerCount(name: string, value: unknown, fallback: number): number {
  return integer(name, value, fallback, 1, 1_024);
}

function flag(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value === "boolean") return value;
  throw new OptionError(name, value, "true or false");
}

function text(name: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === "string" && value !== "")) return value;
  throw new OptionError(name, value, "a string that is not empty");
}

function strings(name: string, value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
    return Object.freeze([...value]);
  }
  throw new OptionError(name, value, "an array of strings");
}

function environment(name: string, value: unknown): Record<string, string | undefined> {
  if (value === undefined) return {};
  expectObject(name, value);
  for (const [key, item] of Object.entries(value as object)) {
    if (item !== undefined && typeof item !== "string") {
      throw new OptionError(`${name}.${key}`, item, "a string");
    }
  }
  return value as Record<string, string | undefined>;
}

function oneOf<T extends string>(name: string, value: unknown, allowed: readonly [T, ...T[]]): T {
  if (value === undefined) return allowed[0];
  const found = allowed.find((item) => item === value);
  if (found !== undefined) return found;
  throw new OptionError(name, value, `one of ${allowed.map((item) => `"${item}"`).join(", ")}`);
}

function logger(name: string, value: unknown): Logger {
  if (value === undefined) return console;
  expectObject(name, value);
  const candidate = value as Partial<Logger>;
  for (const method of ["info", "warn", "error"] as const) {
    if (typeof candidate[method] !== "function") {
      throw new OptionError(`${name}.${method}`, candidate[method], "a function");
    }
  }
  return candidate as Logger;
}

function expectObject(name: string, value: unknown): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new OptionError(name, value, "an object");
  }
}
