import { readFileSync } from "node:fs";
import t from "tap";
import {
  describeExit,
  ERROR_CODES,
  OptionError,
  RestartLimitError,
  SupervisorError,
  WorkerBootError,
  type WorkerExit,
} from "../../src/errors.js";
import * as index from "../../src/index.js";
import { sourceFiles } from "../helpers/source-files.js";

const codes = Object.keys(ERROR_CODES).sort();
const sources = sourceFiles();

const exit = (overrides: Partial<WorkerExit> = {}): WorkerExit => ({
  pid: 4711,
  exitCode: 1,
  signal: null,
  stderr: "",
  ...overrides,
});

t.test("codes are documented data", async (t) => {
  for (const [code, meaning] of Object.entries(ERROR_CODES)) {
    t.match(code, /^ERR_SUPERVISOR_[A-Z0-9]+(_[A-Z0-9]+)*$/);
    t.match(meaning, /^\S.{10,}\.$/, `${code} says what it means, as a sentence`);
  }
  t.equal(new Set(Object.values(ERROR_CODES)).size, codes.length, "no two mean the same");
});

t.test("codes that applications may look for do not go away", async (t) => {
  const published = ["OPTION", "NOT_PRIMARY", "NOT_WORKER", "NO_SERVER", "NO_PRIMARY"];
  published.push("SERIALIZATION", "STATE", "BOOT", "RESTART_LIMIT", "LISTEN");
  for (const name of published) t.ok(Object.hasOwn(ERROR_CODES, `ERR_SUPERVISOR_${name}`), name);
});

t.test("every code is used in the sources, and every code there is in the table", async (t) => {
  // The table has its keys without quotes, so what is in quotes is a use.
  const text = sources.map((file) => file.text).join("\n");
  const used = new Set([...text.matchAll(/"(ERR_SUPERVISOR_\w+)"/g)].map(([, code]) => code));
  t.strictSame([...used].sort(), codes);
  const mentioned = new Set(text.match(/\bERR_SUPERVISOR_\w+/g));
  t.strictSame([...mentioned].sort(), codes, "comments included");
});

t.test("every class of error is thrown somewhere", async (t) => {
  const others = sources.filter(({ path }) => path !== "errors.ts").map(({ text }) => text);
  const classes = [OptionError, RestartLimitError, SupervisorError, WorkerBootError];
  for (const { name } of classes) {
    t.ok(
      others.some((text) => text.includes(`new ${name}(`)),
      name,
    );
    t.ok(Object.hasOwn(index, name), `${name} is exported`);
  }
});

const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");

t.test("the table in docs/errors.md has the same codes", async (t) => {
  const rows = page.matchAll(/^\| `(ERR_SUPERVISOR_\w+)` \|/gm);
  const documented = [...rows].map(([, code]) => code);
  t.strictSame(documented.sort(), codes, "each once");
});

t.test("every code of a warning has a row there, and none else", async (t) => {
  const text = sources.map((file) => file.text).join("\n");
  const used = new Set([...text.matchAll(/"(SUPERVISOR_\w+)"/g)].map(([, code]) => code));
  const rows = [...page.matchAll(/^\| `(SUPERVISOR_\w+)` \|/gm)].map(([, code]) => code);
  t.strictSame(rows.sort(), [...used].sort(), "each once");
});

t.test("SupervisorError", async (t) => {
  const cause = new Error("why");
  const error = new SupervisorError("ERR_SUPERVISOR_STATE", "Not now.", { cause });
  t.ok(error instanceof Error);
  t.match(error, { name: "SupervisorError", code: "ERR_SUPERVISOR_STATE", message: "Not now." });
  t.equal(error.cause, cause);
  t.match(error.stack, /^SupervisorError: Not now\.\n +at /m);
  t.notOk(Object.hasOwn(new SupervisorError("ERR_SUPERVISOR_STATE", ""), "cause"));
});

t.test("each class is told by instanceof, name and code", async (t) => {
  const cases = [
    [new OptionError("count", 0, "more"), OptionError, "ERR_SUPERVISOR_OPTION"],
    [new WorkerBootError(exit(), "ended"), WorkerBootError, "ERR_SUPERVISOR_BOOT"],
    [new RestartLimitError(1, 2, []), RestartLimitError, "ERR_SUPERVISOR_RESTART_LIMIT"],
  ] as const;
  for (const [error, Class, code] of cases) {
    t.ok(error instanceof Class && error instanceof SupervisorError && error instanceof Error);
    t.equal(error.name, Class.name);
    t.equal(error.code, code);
    const others = cases.filter(([, Other]) => Other !== Class);
    for (const [, Other] of others) t.notOk(error instanceof Other, `${Class.name}, ${Other.name}`);
  }
});

t.test("OptionError shows the value, whatever it is", async (t) => {
  const shown: [value: unknown, as: string][] = [
    ["four", '"four"'],
    ['a "quote"\n', '"a \\"quote\\"\\n"'],
    ["", '""'],
    [0, "0"],
    [-0.5, "-0.5"],
    [Number.NaN, "NaN"],
    [10n, "10"],
    [null, "null"],
    [undefined, "undefined"],
    [true, "true"],
    [Symbol("s"), "Symbol(s)"],
    [() => {}, "a function"],
    [class {}, "a function"],
    [[1, 2], "an array"],
    [{ secret: "x" }, "an object"],
    [Object.create(null), "an object"],
  ];
  for (const [value, as] of shown) {
    const error = new OptionError("count", value, "an integer");
    t.equal(error.message, `Option "count" must be an integer, but it is ${as}.`);
    t.equal(error.option, "count");
    t.ok(Object.is(error.value, value), "the value itself");
  }
});

t.test("S3: WorkerBootError holds the exit, and quotes the last lines of stderr", async (t) => {
  const how = exit({ stderr: "Error: no port\n    at main.js:1" });
  const error = new WorkerBootError(how, "exited with code 1 before it was ready");
  t.equal(error.exit, how);
  t.equal(
    error.message,
    "Worker 4711 exited with code 1 before it was ready. Its last lines on stderr:\n" +
      "  | Error: no port\n  |     at main.js:1",
  );
  const silent = new WorkerBootError(exit(), "ended");
  t.equal(silent.message, "Worker 4711 ended.", "nothing to quote");
  t.match(
    new WorkerBootError(exit({ pid: undefined }), "ended").message,
    /^Worker \(no process\) /,
  );
});

t.test("S3: RestartLimitError tells the limit and the last exit", async (t) => {
  const exits = [exit({ exitCode: 7 }), exit({ exitCode: null, signal: "SIGKILL", stderr: "oh" })];
  const error = new RestartLimitError(60, 60_000, exits);
  t.equal(error.exits, exits);
  t.equal(
    error.message,
    "Giving up: more than 60 workers died within 60000 ms. " +
      "The last one, worker 4711, was ended by SIGKILL. Its last lines on stderr:\n  | oh",
  );
  const none = new RestartLimitError(1, 5, []);
  t.equal(none.message, "Giving up: more than 1 workers died within 5 ms.");
});

t.test("an exit in words", async (t) => {
  t.equal(describeExit({ exitCode: 0, signal: null }), "exited with code 0");
  t.equal(describeExit({ exitCode: null, signal: "SIGTERM" }), "was ended by SIGTERM");
});
