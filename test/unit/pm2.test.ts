import { EventEmitter } from "node:events";
import t, { type Test } from "tap";
import type { ClusterStatus, WorkerStatus } from "../../src/manager-contract.js";
import {
  asksForReload,
  isPm2Cluster,
  joinPm2,
  type Pm2Subject,
  pm2Metrics,
  pm2Warnings,
  reloadSummary,
} from "../../src/pm2.js";

const OPTIONS = { stopTimeout: 10_000, workerInitTimeout: 30_000 };
const FORK = { pm_id: "0", exec_mode: "fork_mode" };
const GOOD = { ...FORK, kill_timeout: "15000", listen_timeout: "35000", wait_ready: "true" };

/** The settings that are warned of, with the values that are to be set. */
function advice(env: Record<string, string | undefined>, options = {}): string[] {
  return pm2Warnings(env, { ...OPTIONS, ...options }).map((line) => {
    t.notMatch(line, "\n", "one line");
    return /: set (\w+ to \w+)$/.exec(line)?.[1] ?? line;
  });
}

t.test("no warning without pm2, in its cluster mode, or with settings that fit", async (t) => {
  t.same(advice({}), []);
  t.same(advice({ treekill: "true", exec_mode: "fork_mode" }), [], "no pm_id");
  t.same(advice({ pm_id: "0", treekill: "true" }), [], "no mode");
  t.same(advice({ ...FORK, exec_mode: "cluster_mode", treekill: "true" }), []);
  t.same(advice({ ...GOOD, treekill: "false" }), []);
  t.same(advice(GOOD), []);
});

t.test("kill_timeout has to be as long as stopTimeout", async (t) => {
  t.same(advice(FORK), ["kill_timeout to 15000"]);
  t.match(pm2Warnings(FORK, OPTIONS), [/^pm2's kill_timeout is 1600 ms by default, .* 10000 ms /]);
  t.match(pm2Warnings({ ...FORK, kill_timeout: "9999" }, OPTIONS), [/ kill_timeout is 9999 ms, /]);
  t.same(advice({ ...FORK, kill_timeout: "10000" }), []);
  t.same(advice({ ...FORK, kill_timeout: "0" }), ["kill_timeout to 15000"], "0 is pm2's default");
  t.same(advice({ ...FORK, kill_timeout: "soon" }), ["kill_timeout to 15000"]);
  t.same(advice({ ...FORK, PM2_KILL_TIMEOUT: "12000" }), [], "another default");
  t.same(advice({ ...FORK, kill_timeout: "5", PM2_KILL_TIMEOUT: "12000" }).length, 1);
  t.same(advice(FORK, { stopTimeout: 1_600 }), []);
  t.same(advice(FORK, { stopTimeout: 60_000 }), ["kill_timeout to 65000"]);
});

t.test("with wait_ready, listen_timeout has to be as long as workerInitTimeout", async (t) => {
  const env = { ...GOOD, listen_timeout: undefined };
  t.same(advice(env), ["listen_timeout to 35000"]);
  t.match(pm2Warnings(env, OPTIONS), [/^pm2's listen_timeout is 3000 ms by default, .* 30000 ms /]);
  t.same(advice({ ...env, wait_ready: "false" }), []);
  t.same(advice({ ...env, wait_ready: undefined }), []);
  t.same(advice({ ...env, listen_timeout: "29999" }), ["listen_timeout to 35000"]);
  t.same(advice({ ...env, listen_timeout: "30000" }), []);
  t.same(advice({ ...env, PM2_GRACEFUL_LISTEN_TIMEOUT: "40000" }), []);
  t.same(advice(env, { workerInitTimeout: 2_000 }), []);
});

t.test("treekill has to be off", async (t) => {
  t.same(advice({ ...GOOD, treekill: "true" }), ["treekill to false"]);
  t.same(advice({ ...FORK, wait_ready: "true", treekill: "true" }), [
    "kill_timeout to 15000",
    "listen_timeout to 35000",
    "treekill to false",
  ]);
});

t.test("which processes are cluster workers of pm2", async (t) => {
  const env = { ...FORK, exec_mode: "cluster_mode" };
  const self = { isClusterWorker: true, pid: 4711, pidFile: "4711" };
  t.ok(isPm2Cluster(env, self));
  t.ok(isPm2Cluster(env, { ...self, pidFile: undefined }), "no file");
  t.ok(isPm2Cluster(env, { ...self, pidFile: "4711\n" }));
  t.notOk(isPm2Cluster(env, { ...self, pidFile: "4712" }), "a worker of what pm2's has started");
  t.notOk(isPm2Cluster(env, { ...self, isClusterWorker: false }), "its primary");
  t.notOk(isPm2Cluster(FORK, self), "a worker of a primary in fork mode");
  t.notOk(isPm2Cluster({}, self), "a worker without pm2");
});

t.test("metrics: of the workers, those that are ready", async (t) => {
  const states = ["ready", "starting", "ready", "hung", "draining"] as const;
  const MB = 1024 * 1024;
  const vitals = { rss: 50 * MB };
  const workers = states.map((state) => ({ state, vitals: state === "starting" ? null : vitals }));
  t.same(pm2Metrics({ count: 4, restarts: 7, sessions: 12, workers, primary: { rss: 50 * MB } }), {
    workers: { value: "2/4", historic: false },
    sessions: { value: 12, historic: true },
    restarts: { value: 7, historic: true },
    memory: { value: 250, historic: true, unit: "MB" },
  });
});

t.test("what pm2 trigger sends, with a parameter and without", async (t) => {
  t.ok(asksForReload("reload"));
  t.ok(asksForReload({ msg: "reload", opts: "now", name: "app" }));
  for (const other of ["stop", "", null, undefined, 0, {}, { msg: "stop" }, { type: "reload" }]) {
    t.notOk(asksForReload(other), JSON.stringify(other));
  }
});

const NEW = { old: 1, new: 2 };

t.test("a reload in one line", async (t) => {
  const report = { generation: 3, replaced: [NEW, NEW], duration: 1_234, sessionsMoved: 56 };
  t.equal(reloadSummary(report), "generation 3: 2 workers replaced in 1234 ms, 56 sessions moved");
});

interface Sent {
  type: string;
  data: Record<string, unknown>;
}

/** A manager that pm2 runs, and what it sends to pm2. */
function underPm2(t: Test, reload: Pm2Subject["reload"]) {
  const sent: Sent[] = [];
  const send = (message: Sent, ...rest: unknown[]): boolean => {
    t.type(rest.at(-1), "function", "every send has a callback");
    return sent.push(message) > 0;
  };
  t.intercept(process, "send", { value: send });
  t.intercept(process, "connected", { value: true });
  t.intercept(process, "env", { value: { ...FORK, kill_timeout: "1" } });
  const events = new EventEmitter();
  const workers: Pick<WorkerStatus, "state">[] = [{ state: "starting" }];
  const status = { count: 1, restarts: 0, sessions: 0, workers, primary: { rss: 0 } };
  const warnings: string[] = [];
  const logger = { ...console, warn: (line: string) => warnings.push(line) };
  const manager: Pm2Subject = {
    options: { ...OPTIONS, logger },
    status: () => status as ClusterStatus,
    reload,
    on: (name, listener) => events.on(name, listener),
    off: (name, listener) => events.off(name, listener),
  };
  return { sent, status, warnings, events, leave: joinPm2(manager) };
}

t.test("it tells pm2 what has changed, and answers each trigger once", async (t) => {
  const listeners = process.listenerCount("message");
  const outcomes = [
    Promise.resolve({ generation: 1, replaced: [], duration: 2, sessionsMoved: 3 }),
    Promise.reject(new Error("not now")),
    new Promise<never>(() => {}),
  ];
  const app = underPm2(t, () => outcomes.shift() ?? Promise.reject(new Error("too often")));
  t.match(app.warnings, [/^\[socket-supervisor\] pm2's kill_timeout is 1 ms, /]);
  t.match(app.sent.splice(0), [
    { type: "axm:action", data: { action_name: "reload", action_type: "custom" } },
    { type: "axm:monitor", data: { workers: { value: "0/1" } } },
  ]);
  app.events.emit("worker:exit");
  t.same(app.sent, [], "nothing has changed");
  app.status.workers = [{ state: "ready" }];
  app.events.emit("worker:ready");
  t.match(app.sent.splice(0), [{ type: "axm:monitor", data: { workers: { value: "1/1" } } }]);

  process.emit("message", "something else", undefined);
  process.emit("message", "reload", undefined);
  process.emit("message", { msg: "reload", opts: "x" }, undefined);
  process.emit("message", "reload", undefined);
  await new Promise(setImmediate);
  const replies = () => app.sent.splice(0).map(({ type, data }) => [type, data]);
  t.same(replies(), [
    [
      "axm:reply",
      {
        action_name: "reload",
        return: "generation 1: 0 workers replaced in 2 ms, 3 sessions moved",
      },
    ],
    ["axm:reply", { action_name: "reload", return: "not now" }],
  ]);

  app.leave();
  t.match(replies(), [["axm:reply", { return: /^The manager was stopped/ }]]);
  t.equal(process.listenerCount("message"), listeners);
  t.equal(app.events.listenerCount("worker:ready") + app.events.listenerCount("worker:exit"), 0);
});

t.test("without a channel to pm2 it only warns", async (t) => {
  const listeners = process.listenerCount("message");
  t.intercept(process, "send", { value: undefined });
  t.intercept(process, "env", { value: FORK });
  const warnings: unknown[] = [];
  const never = () => {
    throw new Error("not called");
  };
  const logger = { ...console, warn: (line: string) => warnings.push(line) };
  const options = { ...OPTIONS, logger };
  joinPm2({ options, status: never, reload: never, on: never, off: never })();
  t.equal(warnings.length, 1);
  t.equal(process.listenerCount("message"), listeners);
});
