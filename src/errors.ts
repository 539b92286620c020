/**
 * Every error this package raises, as data: a stable code, what it means, what to do.
 * docs/errors.md repeats the table; a test holds the two equal.
 */
export const ERROR_CODES = {
  ERR_SUPERVISOR_OPTION:
    "An option has a value that cannot work, or does not exist. The message names it.",
  ERR_SUPERVISOR_NOT_PRIMARY: "A primary-side call was made in a worker process.",
  ERR_SUPERVISOR_NOT_WORKER: "A worker's call was made in a process that is not a cluster worker.",
  ERR_SUPERVISOR_NO_SERVER: "setupWorker() got something without an HTTP server or engine.",
  ERR_SUPERVISOR_LISTENING: "A worker's HTTP server listens by itself, beside the primary.",
  ERR_SUPERVISOR_NO_PRIMARY: "The primary never answered this worker: it runs no supervisor.",
  ERR_SUPERVISOR_PM2_CLUSTER: "pm2 runs this in its cluster mode, where pm2 is the primary.",
  ERR_SUPERVISOR_SERIALIZATION: "Workers were forked before the supervisor could set up IPC.",
  ERR_SUPERVISOR_PROTOCOL:
    "Primary and worker run versions of this package that do not understand each other.",
  ERR_SUPERVISOR_STATE: "The manager was asked for something its state does not allow.",
  ERR_SUPERVISOR_BOOT: "A worker ended before it was ready, or its process could not be started.",
  ERR_SUPERVISOR_RESTART_LIMIT: "Workers died more often than `limit` in `duration`.",
  ERR_SUPERVISOR_LISTEN: "The port could not be opened.",
  ERR_SUPERVISOR_START: "A file cannot be started on several workers as it is.",
  ERR_SUPERVISOR_TEST_CLIENT: "A test client could not connect, or got no answer.",
  ERR_SUPERVISOR_TEST_CLUSTER: "A test cluster has ended, or did not start.",
  ERR_SUPERVISOR_APP:
    "Routes, controllers or middleware are put together in a way that cannot work.",
} as const;

/** The codes of all errors of this package. */
export type SupervisorErrorCode = keyof typeof ERROR_CODES;

/** Base class: `instanceof SupervisorError` catches whatever this package throws. */
export class SupervisorError extends Error {
  /** Stable: programs look at this one, people at the message. */
  readonly code: SupervisorErrorCode;

  constructor(code: SupervisorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** What there is to say of an option that does not exist. */
interface UnknownOption {
  /** Whose it would be, as in `ClusterManager`. */
  owner: string;
  name: string;
  value: unknown;
  /** The names that exist. */
  known: readonly string[];
  /** The one that was probably meant. */
  nearest: string | undefined;
  /** Its name with the path to it. Default: `name`. */
  option?: string;
}

/** An option that cannot work; says which one, what it was, and what would do. */
export class OptionError extends SupervisorError {
  /** Its name, with the path to the part that is wrong: `"count"`, `"env.PORT"`. */
  readonly option: string;
  /** What it was given. */
  readonly value: unknown;

  /** @param message default: that `option` must be `expected`, and what it is */
  constructor(
    option: string,
    value: unknown,
    expected: string,
    message = `Option "${option}" must be ${expected}, but it is ${describe(value)}.`,
  ) {
    super("ERR_SUPERVISOR_OPTION", message);
    this.option = option;
    this.value = value;
  }

  /**
   * An option that does not exist.
   *
   * @internal
   */
  static unknown({ owner, name, option, value, known, nearest }: UnknownOption): OptionError {
    const fix =
      nearest === undefined
        ? `Its options are: ${known.join(", ")}.`
        : `Did you mean "${nearest}"?`;
    const message = `${owner} has no option "${name}" (${describe(value)}). ${fix}`;
    return new OptionError(option ?? name, value, "left out", message);
  }
}

/** How a worker process ended. */
export interface WorkerExit {
  /** `undefined` when no process could be started. */
  pid: number | undefined;
  /** Exit code; `null` when a signal ended it. */
  exitCode: number | null;
  /** Name of the signal that ended it, or `null`. */
  signal: string | null;
  /** The last lines that it wrote to stderr (at most 20). */
  stderr: string;
}

/** A worker that failed before it was ever ready. */
export class WorkerBootError extends SupervisorError {
  /** How its process ended. */
  readonly exit: WorkerExit;
  /** How it failed, as the message says it. */
  readonly why: string;

  constructor(exit: WorkerExit, why: string, options?: ErrorOptions) {
    const worker = `Worker ${exit.pid ?? "(no process)"}`;
    super("ERR_SUPERVISOR_BOOT", `${worker} ${why}.${quoteStderr(exit.stderr)}`, options);
    this.exit = exit;
    this.why = why;
  }
}

/** Workers die faster than they are worth restarting. */
export class RestartLimitError extends SupervisorError {
  /** The last deaths, the latest at the end; at most 5. */
  readonly exits: readonly WorkerExit[];

  constructor(limit: number, duration: number, exits: readonly WorkerExit[]) {
    const last = exits.at(-1);
    const ending = last
      ? ` The last one, worker ${last.pid ?? "?"}, ${describeExit(last)}.${quoteStderr(last.stderr)}`
      : "";
    super(
      "ERR_SUPERVISOR_RESTART_LIMIT",
      `Giving up: more than ${limit} workers died within ${duration} ms.${ending}`,
    );
    this.exits = exits;
  }
}

/** A test client that could not connect, or got no answer. */
export class TestClientError extends SupervisorError {
  /** What the server gave as a reason (`data` of its error); `undefined` when it gave none. */
  readonly data: unknown;

  constructor(message: string, options: ErrorOptions & { data?: unknown } = {}) {
    super("ERR_SUPERVISOR_TEST_CLIENT", message, options);
    this.data = options.data;
  }
}

export function describeExit(exit: Pick<WorkerExit, "exitCode" | "signal">): string {
  return exit.signal ? `was ended by ${exit.signal}` : `exited with code ${exit.exitCode}`;
}

function quoteStderr(stderr: string): string {
  return stderr ? ` Its last lines on stderr:\n${stderr.replace(/^/gm, "  | ")}` : "";
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? "an array" : "an object";
  }
  return String(value);
}
