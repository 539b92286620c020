import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import t from "tap";
import { connectClient } from "../helpers/clients.js";
import {
  errors,
  file,
  gatewayDirs,
  home,
  list,
  metric,
  only,
  PATIENCE,
  type Pm2Process,
  pm2,
  running,
  says,
  soon,
  until,
} from "../helpers/pm2.js";
import { childrenOf, ROOT } from "../helpers/spawned.js";

const NAME = "socket-supervisor";
const library = JSON.stringify(pathToFileURL(join(ROOT, "dist/index.js")).href);

// Its workers are ready when the test says so; a worker that is "broken" does not boot.
const gated = file(
  "gated.mjs",
  `import { existsSync } from "node:fs";
  import { setTimeout } from "node:timers/promises";
  import { ClusterManager } from ${library};
  const manager = new ClusterManager({ count: 2, sticky: false });
  const { GATE, exec_mode, pm_id } = process.env;
  if (manager.isPrimary()) {
    await manager.start();
  } else {
    if (existsSync("${home}/broken")) {
      console.error("the new version is broken");
      process.exit(3);
    }
    console.log("worker in", exec_mode, "of", pm_id);
    while (GATE && !existsSync(GATE + process.pid)) await setTimeout(10);
    process.send("ready");
  }`,
);

t.test("ecosystem.config.js: one process in fork mode, without a warning", async (t) => {
  await pm2(["start", "ecosystem.config.js"]);
  const [one, ...others] = await list();
  t.same(others, []);
  t.match(one, { name: NAME, pm2_env: { status: "online", exec_mode: "fork_mode" } });
  if (one === undefined) return;
  t.equal(metric(one, "workers"), "2/2");
  t.equal((await childrenOf(one.pid)).length, 2);
  const [, url] = await says(one, /^(http:\S+) is ready: 2 workers\n/m);
  t.equal((await fetch(`${url}`)).status, 200);
  t.equal(errors(one), "");
});

t.test("metrics: workers, sessions and restarts, as pm2 describe shows them", async (t) => {
  const { pid, pm2_env } = await only(NAME, (one) => metric(one, "sessions") === 0);
  const [, url = ""] = await says({ pm2_env } as Pm2Process, /^(http:\S+)/m);
  const sockets = [await connectClient(t, url), await connectClient(t, url, "polling")];
  await only(NAME, (one) => metric(one, "sessions") === 2);
  for (const socket of sockets) socket.disconnect();
  const [worker = 0] = await childrenOf(pid);
  process.kill(worker, "SIGKILL");
  await only(
    NAME,
    (one) =>
      metric(one, "restarts") === 1 &&
      metric(one, "workers") === "2/2" &&
      metric(one, "sessions") === 0,
  );
  const described = await pm2(["describe", NAME]);
  t.match(described, /│ workers +│ 2\/2 +│\n│ sessions +│ 0 +│\n│ restarts +│ 1 +│\n/);
  t.match(described, /│ reload +│\n/, "an action");
});

t.test("pm2 sendSignal SIGHUP reloads: the same primary, new workers, clients stay", async (t) => {
  const { pid, pm2_env } = await only(NAME, () => true);
  const [, url = ""] = await says({ pm2_env } as Pm2Process, /^(http:\S+)/m);
  const old = await childrenOf(pid);
  const sockets = [await connectClient(t, url), await connectClient(t, url, "polling")];
  const again = sockets.map((socket) => new Promise<void>((r) => socket.once("connect", r)));
  await pm2(["sendSignal", "SIGHUP", NAME]);
  await Promise.all(again);
  for (const socket of sockets) {
    t.ok(await socket.timeout(PATIENCE).emitWithAck("join", { name: "Ann", room: "pm2" }));
  }
  const after = await only(
    NAME,
    (one) => metric(one, "workers") === "2/2" && metric(one, "sessions") === 2,
  );
  await soon(
    async () => (await running(old)).length === 0 || undefined,
    () => `${old}`,
  );
  t.match(after, { pid, pm2_env: { status: "online", restart_time: 0 } });
  const workers = await childrenOf(pid);
  t.equal(workers.length, 2);
  t.notOk(workers.some((worker) => old.includes(worker)));
});

t.test("pm2 trigger reload reloads, and answers what it did", async (t) => {
  const { pid } = await only(NAME, () => true);
  const old = await childrenOf(pid);
  t.match(
    await pm2(["trigger", NAME, "reload"]),
    /="generation 2: 2 workers replaced in \d+ ms, \d+ sessions moved"/,
  );
  t.same(await running(old), []);
  t.equal((await childrenOf(pid)).length, 2);
  t.equal((await only(NAME, () => true)).pid, pid);
});

for (const command of ["stop", "restart", "restart", "delete"]) {
  t.test(`pm2 ${command} leaves nothing behind`, async (t) => {
    const { pid, pm2_env } = await only(NAME, () => true);
    const workers = pid ? await childrenOf(pid) : [];
    if (pm2_env.status === "online") {
      t.equal(workers.length, 2);
      t.equal(gatewayDirs(pid).length, 1);
    } else {
      t.match({ command, status: pm2_env.status }, { command: "restart", status: "stopped" });
    }
    await pm2([command, NAME]);
    if (pid) {
      t.same(await running([pid, ...workers]), []);
      t.same(gatewayDirs(pid), []);
    }
    const [now] = (await list()).filter(({ name }) => name === NAME);
    if (command === "delete") t.equal(now, undefined);
    else t.equal(now?.pm2_env.status, command === "stop" ? "stopped" : "online");
    if (command === "restart") t.equal((await childrenOf(now?.pid)).length, 2);
    t.notMatch(readFileSync(join(home, "pm2.log"), "utf8"), "SIGKILL");
  });
}

t.test("online only when all workers are ready", async (t) => {
  const { apps } = await import(join(ROOT, "ecosystem.config.js"));
  const app = { ...apps[0], name: "gated", script: gated };
  const config = file("gated.config.cjs", `exports.apps = [${JSON.stringify(app)}];`);
  const gate = join(home, "gate/");
  mkdirSync(gate);
  let started = false;
  const start = pm2(["start", config], { GATE: gate }).then(() => {
    started = true;
  });
  const { pid } = await only("gated", (one) => metric(one, "workers") === "0/2");
  for (const ready of ["0/2", "1/2"]) {
    const one = await only("gated", (one) => metric(one, "workers") === ready);
    t.equal(one.pm2_env.status, "launching", ready);
    t.notOk(started);
    const workers = await childrenOf(pid);
    t.equal(workers.length, 2);
    writeFileSync(`${gate}${workers[ready === "0/2" ? 0 : 1]}`, "");
  }
  await start;
  const one = await only("gated", () => true);
  t.match(one, { pid, pm2_env: { status: "online", axm_monitor: { workers: { value: "2/2" } } } });
  t.equal(errors(one), "");
  await pm2(["delete", "gated"]);
  t.same(await running([pid]), []);
});

t.test("pm2's own settings: a warning each, and what a failed reload says", async (t) => {
  await pm2(["start", gated, "--name", "bare", "--wait-ready", "--no-pmx"]);
  const one = await only("bare", ({ pm2_env }) => pm2_env.status === "online");
  const warnings = errors(one).trimEnd().split("\n");
  t.equal(warnings.length, 3);
  for (const [at, setting, value, needed] of [
    [0, "kill_timeout", "1600", "15000"],
    [1, "listen_timeout", "3000", "35000"],
    [2, "treekill", "true", "false"],
  ] as const) {
    const pattern = `^\\[socket-supervisor\\] pm2's ${setting} is ${value}.*: set ${setting} to ${needed}$`;
    t.match(warnings[at], new RegExp(pattern));
  }
  // Workers have the environment of their primary; that does not make them pm2's.
  await says(one, /(^worker in fork_mode of \d+\n(.*\n)*?){2}/m);

  file("broken", "");
  const answer = await pm2(["trigger", "bare", "reload"]);
  t.match(answer, /="Worker \d+ exited with code 3 .*the new version is broken/);
  t.match(await only("bare", () => true), { pid: one.pid, pm2_env: { status: "online" } });
  await pm2(["delete", "bare"]);
});

t.test("pm2's cluster mode is refused, with the reason and what to do", async (t) => {
  const require = `const { ClusterManager, setupWorker } = require(${JSON.stringify(ROOT)});`;
  const common = { exec_mode: "cluster", instances: 1, autorestart: false };
  const apps = [
    { ...common, name: "module", script: join(ROOT, "bootstrap.js"), instances: 2 },
    { ...common, name: "common", script: file("c.cjs", `${require}new ClusterManager();`) },
    { ...common, name: "worker", script: file("w.cjs", `${require}setupWorker({});`) },
  ];
  const config = file("refused.config.cjs", `exports.apps = ${JSON.stringify(apps)};`);
  await pm2(["start", config]);
  for (const { name, instances } of apps) {
    const ended = await until(name, (all) =>
      all.every(({ pm2_env }) => pm2_env.status === "stopped"),
    );
    t.equal(ended.length, instances);
    for (const one of ended) {
      t.match(one.pm2_env, { exec_mode: "cluster_mode", exit_code: 1, restart_time: 0 });
      t.match(errors(one), /SupervisorError: pm2 runs this in its cluster mode: .*no -i .*delete/);
    }
  }
  await pm2(["delete", "all"]);
});

t.test("a cluster that an app in pm2's cluster mode starts is its own", async (t) => {
  const script = file(
    "parent.cjs",
    `const { execPath, stdout } = process;
    const child = require("child_process").spawn(execPath, ["bootstrap.js"]);
    child.stdout.on("data", (data) => stdout.write(data));
    child.stderr.on("data", (data) => stdout.write(data));`,
  );
  await pm2(["start", script, "--name", "parent", "-i", "1"]);
  const one = await only("parent", () => true);
  t.equal(one.pm2_env.exec_mode, "cluster_mode");
  await says(one, /^http:\S+ is ready: 2 workers\n/m);
  const [primary = 0] = await childrenOf(one.pid);
  const workers = await childrenOf(primary);
  t.equal(workers.length, 2);
  await pm2(["delete", "parent"]);
  t.same(await running([primary, ...workers]), []);
  t.same(gatewayDirs(primary), []);
});

t.test("pm2 kill ends the daemon with all that it runs", async (t) => {
  await pm2(["start", "ecosystem.config.js"]);
  const { pid } = await only(NAME, ({ pm2_env }) => pm2_env.status === "online");
  const workers = await childrenOf(pid);
  const daemon = Number(readFileSync(join(home, "pm2.pid"), "utf8"));
  const cluster = [pid, ...workers];
  t.equal((await running([daemon, ...cluster])).length, 4);
  await pm2(["kill"]);
  t.same(await running(cluster), [], "primary and workers have ended");
  // The daemon tells the command that it is done, and ends after that.
  await soon(
    async () => (await running([daemon])).length === 0 || undefined,
    () => `the end of the daemon ${daemon}`,
  );
  t.same(gatewayDirs(pid), []);
});
