import { availableParallelism } from "node:os";
import t, { type Test } from "tap";
import { OptionError, SupervisorError } from "../../../src/errors.js";
import { milliseconds } from "../../../src/options/checks.js";
import {
  HEARTBEAT_TIMEOUT,
  resolveManagerOptions,
  resolveStickyOptions,
  resolveWorkerOptions,
  workerCount,
} from "../../../src/options/options.js";

interface Rule {
  fallback: unknown;
  good: readonly unknown[];
  bad: readonly unknown[];
  /** What the message has to say of values that would do. */
  expected: string;
}

const DURATION = {
  good: [1, 1.5, 250, 2 ** 31 - 1],
  bad: [0, -1, -0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, "5", null, true, [5], {}],
  expected: "a number of milliseconds from 1 to 2147483647",
};
const WHOLE = [
  0.5,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  "1",
  "",
  null,
  true,
  [1],
  {},
  1n,
];
const TEXT = { good: ["x", "a b"], bad: ["", 0, null, true, ["x"], {}, Symbol("x")] };
const LIST = {
  good: [[], ["a"], ["--x=1", ""]],
  bad: ["a", [1], ["a", null], {}, null, 0, new Set(["a"])],
  expected: "an array of strings",
};
const FLAG = { good: [true, false], bad: [0, 1, "true", "", null, {}, []] };
const METHOD = {
  fallback: "least-connection",
  good: ["least-connection", "round-robin", "random"],
  bad: ["", "least", "RANDOM", "toString", 0, null, true, ["random"], {}],
  expected: 'one of "least-connection", "round-robin", "random"',
};
const ROUTING = {
  fallback: "direct",
  good: ["direct", "upstream"],
  bad: ["", "Direct", 0, null, false, {}],
  expected: 'one of "direct", "upstream"',
};
const range = (from: number, to: number): string => `an integer from ${from} to ${to}`;
const log = { info() {}, warn() {}, error() {}, debug() {} };

const QUEUE: Rule = {
  fallback: undefined,
  good: [256 * 1_024, 64 * 1_024 ** 2, Number.MAX_SAFE_INTEGER],
  bad: [...WHOLE, 0, 256 * 1_024 - 1, 2 ** 53],
  expected: range(256 * 1_024, Number.MAX_SAFE_INTEGER),
};

const MANAGER: Record<string, Rule> = {
  exec: { fallback: undefined, ...TEXT, expected: "a string that is not empty" },
  host: { fallback: undefined, ...TEXT, expected: "a string that is not empty" },
  count: {
    fallback: availableParallelism(),
    good: [1, 2, 1_024],
    bad: [...WHOLE, 0, 1_025],
    expected: range(1, 1_024),
  },
  args: { fallback: [], ...LIST },
  execArgv: { fallback: undefined, ...LIST },
  env: {
    fallback: {},
    good: [{}, { A: "1", B: "" }, { A: undefined }],
    bad: ["A=1", ["A=1"], null, 0, () => {}],
    expected: "an object",
  },
  sticky: { fallback: false, ...FLAG, expected: "true or false" },
  stickyLoadBalancingMethod: METHOD,
  routing: ROUTING,
  port: {
    fallback: undefined,
    good: [0, 1, 7_001, 65_535],
    bad: [...WHOLE, 65_536],
    expected: range(0, 65_535),
  },
  refork: { fallback: true, ...FLAG, expected: "true or false" },
  limit: {
    fallback: 60,
    good: [1, 1_000_000],
    bad: [...WHOLE, 0, 1_000_001],
    expected: range(1, 1_000_000),
  },
  duration: { fallback: 60_000, ...DURATION },
  workerInitTimeout: { fallback: 30_000, ...DURATION },
  backoffInitial: { fallback: 100, ...DURATION },
  backoffMax: { fallback: 2_000, ...DURATION },
  backoffForgetAfter: { fallback: 10_000, ...DURATION },
  drainTimeout: { fallback: 30_000, ...DURATION },
  reloadTimeout: { fallback: undefined, ...DURATION },
  reloadConcurrency: {
    fallback: 1,
    good: [1, 4, 1_024],
    bad: [0, 1_025, ...WHOLE],
    expected: range(1, 1_024),
  },
  stopTimeout: { fallback: 10_000, ...DURATION },
  tls: { fallback: false, ...FLAG, expected: "true or false" },
  hangTimeout: { fallback: 10_000, ...DURATION, good: [2_001, 5_000, 2 ** 31 - 1] },
  maxMemory: {
    fallback: undefined,
    good: [1, 512 * 1_024 ** 2, Number.MAX_SAFE_INTEGER],
    bad: [...WHOLE, 0, 2 ** 53],
    expected: range(1, Number.MAX_SAFE_INTEGER),
  },
  maxQueue: QUEUE,
  name: { fallback: undefined, ...TEXT, expected: "a string that is not empty" },
  control: { fallback: true, ...FLAG, expected: "true or false" },
  statusPort: {
    fallback: undefined,
    good: [0, 1, 9_100, 65_535],
    bad: [...WHOLE, 65_536],
    expected: range(0, 65_535),
  },
  statusHost: {
    fallback: "127.0.0.1",
    good: ["127.0.0.1", "127.8.8.8", "::1", "localhost"],
    bad: ["0.0.0.0", "::", "10.0.0.1", "127.evil.example", "localhost.evil.example"],
    expected: "a loopback address, unless there is a statusToken",
  },
  logPrefix: { fallback: false, ...FLAG, expected: "true or false" },
  logLevel: {
    fallback: "info",
    good: ["info", "warn", "error", "silent"],
    bad: ["", "debug", "INFO", 0, null, true, {}],
    expected: 'one of "info", "warn", "error", "silent"',
  },
  statusToken: { fallback: undefined, ...TEXT, expected: "a string that is not empty" },
  logger: {
    fallback: console,
    good: [log, console, Object.create(log)],
    bad: ["console", null, 0, () => {}, []],
    expected: "an object",
  },
};

const STICKY: Record<string, Rule> = {
  loadBalancingMethod: METHOD,
  routing: ROUTING,
  tls: { fallback: undefined, ...FLAG, expected: "true or false" },
  name: { fallback: undefined, ...TEXT, expected: "a string that is not empty" },
  requestLineTimeout: { fallback: 10_000, ...DURATION },
  maxUnrouted: {
    fallback: 10_000,
    good: [1, 1_000_000],
    bad: [...WHOLE, 0, 1_000_001],
    expected: range(1, 1_000_000),
  },
  maxQueue: QUEUE,
};

type Resolve = (options?: object) => object;

/** One option of what comes out. */
const WORKER: Record<string, Rule> = {
  name: { fallback: undefined, ...TEXT, expected: "a string that is not empty" },
  watchdog: { fallback: true, ...FLAG, expected: "true or false" },
  trustProxy: { fallback: [], ...LIST },
  recoveryBytes: { ...QUEUE, fallback: 64 * 1024 * 1024 },
};

const get = (resolve: Resolve, options: object, name: string): unknown =>
  Reflect.get(resolve(options), name);

function failure(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

function expectOptionError(t: Test, error: unknown, about: { name: string; value: unknown }): void {
  const { name, value } = about;
  if (!(error instanceof OptionError)) {
    t.fail(`${name}: no OptionError for ${typeof value} ${String(value)}, but ${error}`);
    return;
  }
  const primitive = typeof value === "string" ? JSON.stringify(value) : String(value);
  const shown = typeof value === "object" && value ? / it is an (object|array)\./ : primitive;
  const { code, option, message } = error;
  t.strictSame(
    {
      code,
      option,
      isSupervisorError: error instanceof SupervisorError,
      hasTheValueItself: Object.is(error.value, value),
      namesTheOption: message.includes(`"${name}"`),
      showsTheValue:
        typeof value === "function" ||
        (typeof shown === "string" ? message.includes(shown) : shown.test(message)),
    },
    {
      code: "ERR_SUPERVISOR_OPTION",
      option: name,
      isSupervisorError: true,
      hasTheValueItself: true,
      namesTheOption: true,
      showsTheValue: true,
    },
    message,
  );
}

const CASES: [name: string, resolve: Resolve, rules: Record<string, Rule>][] = [
  ["manager", resolveManagerOptions, MANAGER],
  ["sticky", resolveStickyOptions, STICKY],
  ["worker", resolveWorkerOptions, WORKER],
];

for (const [title, resolve, rules] of CASES) {
  t.test(`${title}: every option has a rule here`, async (t) => {
    t.strictSame(Object.keys(resolve()).sort(), Object.keys(rules).sort());
  });

  t.test(`${title}: defaults`, async (t) => {
    for (const [name, { fallback }] of Object.entries(rules)) {
      for (const options of [{}, { [name]: undefined }]) {
        const value = get(resolve, options, name);
        if (name === "logger") t.equal(value, fallback, name);
        else t.strictSame(value, fallback, name);
      }
    }
    t.strictSame(Object.keys(resolve()), Object.keys(resolve({})));
  });

  t.test(`${title}: good values are taken as they are`, async (t) => {
    for (const [name, { good }] of Object.entries(rules)) {
      for (const value of good) t.strictSame(get(resolve, { [name]: value }, name), value, name);
    }
    t.ok(Object.values(rules).every(({ good }) => good.length > 1));
  });

  t.test(`${title}: bad values are refused, with name, value and what would do`, async (t) => {
    for (const [name, { bad, expected }] of Object.entries(rules)) {
      for (const value of bad) {
        const error = failure(() => resolve({ [name]: value }));
        expectOptionError(t, error, { name, value });
        t.ok(String(error).includes(` must be ${expected}, but `), `says what would do: ${error}`);
      }
    }
  });

  t.test(`${title}: options that are no object`, async (t) => {
    for (const value of [null, [], "x", 1, true]) {
      const error = failure(() => resolve(value as unknown as object));
      expectOptionError(t, error, { name: "options", value });
    }
  });

  t.test(`${title}: the caller's object is left alone`, async (t) => {
    const options = Object.fromEntries(
      Object.entries(rules).map(([name, { good }]) => [name, Object.freeze(good.at(-1))]),
    );
    t.doesNotThrow(() => resolve(Object.freeze(options)), "not written to");
  });
}

t.test("env and logger: the part that is wrong is named", async (t) => {
  const cases: [options: object, name: string, value: unknown][] = [
    [{ env: { A: "1", B: 2 } }, "env.B", 2],
    [{ env: { A: null } }, "env.A", null],
    [{ logger: {} }, "logger.info", undefined],
    [{ logger: { ...log, warn: "x" } }, "logger.warn", "x"],
    [{ logger: { info() {}, warn() {} } }, "logger.error", undefined],
  ];
  for (const [options, name, value] of cases) {
    const error = failure(() => resolveManagerOptions(options));
    expectOptionError(t, error, { name, value });
    t.match(String(error), name.startsWith("env") ? "must be a string" : "must be a function");
  }
});

t.test("S4: hangTimeout is longer than the silence that takes new sessions away", async (t) => {
  for (const value of [1, 1_999, HEARTBEAT_TIMEOUT]) {
    const error = failure(() => resolveManagerOptions({ hangTimeout: value }));
    expectOptionError(t, error, { name: "hangTimeout", value });
    t.match(String(error), /more than 2000 ms/);
  }
});

t.test("sticky is the default where there is a port", async (t) => {
  t.equal(resolveManagerOptions({ port: 7_001 }).sticky, true);
  t.equal(resolveManagerOptions({ port: 0 }).sticky, true, "any free port is one, too");
  t.equal(resolveManagerOptions({ port: 7_001, sticky: false }).sticky, false);
  t.equal(resolveManagerOptions({ host: "::1" }).sticky, false);
});

t.test("the result is frozen", async (t) => {
  for (const result of [resolveManagerOptions(), resolveStickyOptions()]) {
    t.ok(Object.isFrozen(result));
    t.throws(() => Object.assign(result, { routing: "upstream" }), TypeError);
  }
});

t.test("what the result holds is frozen, except the logger, which is not ours", async (t) => {
  const logger = { ...log };
  const result = resolveManagerOptions({ args: ["a"], execArgv: ["b"], env: { C: "c" }, logger });
  t.ok(Object.isFrozen(result.args), "args");
  t.ok(Object.isFrozen(resolveManagerOptions().args), "args by default");
  t.ok(Object.isFrozen(result.execArgv), "execArgv");
  t.ok(Object.isFrozen(result.env), "env");
  t.equal(result.logger, logger);
  t.notOk(Object.isFrozen(logger));
});

t.test("what the caller does with lists and objects later has no effect", async (t) => {
  const options = { args: ["a"], execArgv: ["b"], env: { C: "c" } };
  const result = resolveManagerOptions(options);
  options.args.push("x");
  options.execArgv.push("x");
  Object.assign(options.env, { X: "x" });
  const { args, execArgv, env } = result;
  t.strictSame({ args, execArgv, env }, { args: ["a"], execArgv: ["b"], env: { C: "c" } });
});

t.test("workerCount() checks the argument of scale()", async (t) => {
  t.equal(workerCount("count", 3, 7), 3);
  t.equal(workerCount("count", undefined, 7), 7);
  for (const value of [0, 1_025, 1.5, "3"]) {
    expectOptionError(
      t,
      failure(() => workerCount("count", value, 7)),
      { name: "count", value },
    );
  }
});

t.test("milliseconds() checks arguments as it checks options", async (t) => {
  t.equal(milliseconds("timeout", undefined, 7), 7);
  t.equal(milliseconds("timeout", 9, 7), 9);
  const error = failure(() => milliseconds("timeout", "9", 7));
  expectOptionError(t, error, { name: "timeout", value: "9" });
});

t.test("a duration below the least that the message names is refused", async (t) => {
  const error = failure(() => milliseconds("timeout", 0.5, 7));
  expectOptionError(t, error, { name: "timeout", value: 0.5 });
});
