import t from "tap";
import { atLevel, writeLine } from "../../../src/options/log-lines.js";

/** A logger that keeps what it is given, with `more` by which its kind is told. */
function keeping(more: object = {}) {
  const lines: unknown[][] = [];
  const keep =
    (method: string) =>
    (...data: unknown[]) => {
      lines.push([method, ...data]);
    };
  return { lines, info: keep("info"), warn: keep("warn"), error: keep("error"), ...more };
}

t.test("text alone, or fields where the logger expects them", async (t) => {
  const text = "[socket-supervisor] worker 1 is ready";
  for (const [more, expected] of [
    [{}, ["info", text]],
    [{ log() {} }, ["info", text]], // as console
    [{ bindings() {} }, ["info", { pid: 1 }, text]], // pino
    [{ addStream() {} }, ["info", { pid: 1 }, text]], // bunyan
    [{ log() {}, transports: [] }, ["info", text, { pid: 1 }]], // winston
  ] as const) {
    const logger = keeping(more);
    writeLine(logger, "info", "worker 1 is ready", { pid: 1 });
    t.strictSame(logger.lines, [expected]);
  }
});

t.test("nothing below the level, and the kind of a logger stays", async (t) => {
  for (const [level, expected] of [
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
    ["silent", []],
  ] as const) {
    const logger = keeping({ bindings() {} });
    const limited = atLevel(logger, level);
    for (const method of ["info", "warn", "error"] as const) {
      writeLine(limited, method, "x", { a: 1 });
    }
    t.strictSame(
      logger.lines,
      expected.map((method) => [method, { a: 1 }, "[socket-supervisor] x"]),
      level,
    );
  }
  const logger = keeping();
  t.equal(atLevel(logger, "info"), logger);
});
