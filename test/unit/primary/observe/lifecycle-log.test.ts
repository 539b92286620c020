import { EventEmitter } from "node:events";
import t from "tap";
import { SupervisorError } from "../../../../src/errors.js";
import type { Observed } from "../../../../src/primary/observe/journal.js";
import { type LivingPool, logLifecycle } from "../../../../src/primary/observe/lifecycle-log.js";

const handle = (pid: number, generation = 0) => ({
  pid,
  generation,
  startedAt: performance.now() - 20_000,
});
const exit = (pid: number, exitCode: number | null, signal: string | null = null) => ({
  pid,
  exitCode,
  signal,
  stderr: "",
});

/** What is written when `happen` lets the pool and the manager tell. */
function written(happen: (pool: EventEmitter & { count: number }, manager: EventEmitter) => void) {
  const lines: string[] = [];
  const write = (method: string) => (text: unknown) => lines.push(`${method}: ${text}`);
  const logger = { info: write("info"), warn: write("warn"), error: write("error") };
  const pool = Object.assign(new EventEmitter(), { count: 2 });
  const manager = new EventEmitter();
  logLifecycle(pool as unknown as LivingPool, manager as unknown as Observed, logger);
  happen(pool, manager);
  return lines.map((line) => line.replace("[socket-supervisor] ", ""));
}

t.test("one line for each event, and one only", async (t) => {
  const lines = written((pool, manager) => {
    pool.emit("ready", handle(1));
    pool.emit("settled");
    pool.emit("settled");
    const victim = handle(1);
    pool.emit("died", {
      handle: victim,
      exit: exit(1, null, "SIGKILL"),
      wasReady: true,
      number: 1,
      lived: 90_000,
      replacedIn: 200,
    });
    pool.emit("exit", victim, exit(1, null, "SIGKILL"));
    pool.emit("exit", { ...handle(0), pid: undefined }, { ...exit(0, null), pid: undefined });
    pool.emit("replaced", handle(2), handle(3));
    pool.emit("exit", handle(2), exit(2, 0));
    pool.count = 3;
    pool.emit("settled");
    manager.emit("reload:start", { generation: 1, workers: 3 });
    pool.emit("replaced", handle(3), handle(4, 1));
    manager.emit("reload:progress", { generation: 1, replaced: 1, workers: 3 });
    manager.emit("reload:done", {
      generation: 1,
      replaced: [{}, {}, {}],
      duration: 12_345,
      sessionsMoved: 7,
    });
    manager.emit("reload:failed", new SupervisorError("ERR_SUPERVISOR_STATE", "Not now."));
  });
  t.match(lines.shift(), /^info: worker 1 is ready after 20\d{3} ms, generation 0$/);
  t.strictSame(lines, [
    "warn: worker 1 was ended by SIGKILL after 90 s; the next one starts in 200 ms",
    "info: worker 3 takes the place of 2, which uses too much memory",
    "info: worker 2 ended after 20 s",
    "info: scaled from 2 to 3 workers",
    "info: reload of 3 workers begins, generation 1",
    "info: reload: 1 of 3 workers replaced",
    "info: reload done in 12 s: 3 workers replaced, 7 sessions moved",
    "warn: the reload is given up: workers that are not replaced stay",
  ]);
});

t.test("a death before it was ready, and one that is not answered", async (t) => {
  const death = { exit: exit(1, 3), wasReady: false, number: 1, lived: 10 };
  const lines = written((pool) => {
    pool.emit("died", { ...death, handle: handle(1), replacedIn: 0 });
    pool.emit("died", { ...death, handle: handle(2), replacedIn: undefined });
  });
  t.strictSame(lines, [
    "warn: worker 1 exited with code 3 before it was ready; the next one starts",
    "warn: worker 1 exited with code 3 before it was ready; it is not replaced",
  ]);
});
