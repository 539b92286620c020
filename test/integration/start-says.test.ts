// What people are told in their first minutes: where it listens, and what is wrong.
import { join } from "node:path";
import t, { type Test } from "tap";
import { plainNode } from "../helpers/examples.js";
import { onlyInGate } from "../helpers/gate.js";

const IMPORTS = `
  import { createServer } from "node:http";
  import { Server } from "socket.io";
  import { ClusterManager, setupWorker } from "socket-supervisor";
`;

/** A program for both kinds of process; `options` and `work` are JavaScript. */
function program(t: Test, options: string, work: string, primary = "await manager.start();") {
  const folder = t.testdir({
    "main.js": `${IMPORTS}
      const manager = new ClusterManager({ count: 2, control: false, ...${options} });
      if (manager.isPrimary()) {
        ${primary}
      } else {
        ${work}
      }`,
    "listens.js": `
      import { createServer } from "node:http";
      createServer((_req, res) => res.end("alone")).listen(0);`,
  });
  return [join(folder, "main.js")];
}

const SERVE = "await setupWorker(new Server(createServer()));";

for (const [options, pattern] of [
  ["{ port: 0 }", /^http:\/\/localhost:[1-9]\d* is ready: 2 workers$/m],
  ["{ port: 0, count: 1 }", /^http:\/\/localhost:[1-9]\d* is ready: 1 worker$/m],
  ['{ port: 0, host: "127.0.0.1" }', /^http:\/\/127\.0\.0\.1:[1-9]\d* is ready: 2 workers$/m],
  ['{ port: 0, host: "0.0.0.0" }', /^http:\/\/localhost:[1-9]\d* is ready: 2 workers$/m],
  ["{ port: 0, tls: true }", /^https:\/\/localhost:[1-9]\d* is ready: 2 workers$/m],
] as const) {
  const skip = options === "{ port: 0 }" ? false : onlyInGate;
  t.test(`start() says where it listens: ${options}`, { skip }, async (t) => {
    const running = plainNode(t, program(t, options, SERVE));
    await running.says(pattern);
    t.equal(running.stdout.match(/^http.* is ready/gm)?.length, 1, "once");
    running.child.kill("SIGTERM");
    t.same(await running.exit(), { code: 0, signal: null });
  });
}

t.test("a logger decides where that goes, and gets one string each time", async (t) => {
  const options = `{ port: 0, logger: Object.fromEntries(["info", "warn", "error"].map((level) =>
    [level, (...data) => process.stderr.write(JSON.stringify([level, ...data]) + "\\n")])) }`;
  const primary = `
    manager.onStop(function closesDatabase() { throw new Error("no database"); });
    await manager.start();
    await manager.stop();`;
  const running = plainNode(t, program(t, options, SERVE, primary));
  t.same(await running.exit(), { code: 0, signal: null });
  t.equal(running.stdout, "");
  const lines = running.stderr.trim().split("\n");
  const logged = lines.map((line) => JSON.parse(line) as [string, string, ...unknown[]]);
  const planned = /^\[socket-supervisor\] worker /;
  const told = logged.filter(([level, line]) => level !== "info" || !planned.test(line));
  t.match(told, [
    ["info", /^http:\/\/localhost:\d+ is ready: 2 workers$/],
    ["error", /an onStop listener failed: Error: no database\n +at .*closesDatabase/],
  ]);
  for (const line of logged) t.equal(line.length, 2, "level and one string");
});

t.test("a file that listens by itself is named at once, not after workerInitTimeout", async (t) => {
  const exec = 'new URL("listens.js", import.meta.url).pathname';
  const running = plainNode(
    t,
    program(t, `{ port: 0, exec: ${exec}, workerInitTimeout: 600_000 }`, ""),
  );
  const { code } = await running.exit();
  t.equal(code, 1);
  t.match(running.stderr, /WorkerBootError: Worker \d+ listens on port \d+ by itself/);
  t.match(running.stderr, "await setupWorker(io) in the worker's file, instead of listen()");
});

t.test(
  "a worker that may still call setupWorker() is only told of",
  { skip: onlyInGate },
  async (t) => {
    // A port beside, for metrics say; then something slow.
    const work = `
    createServer().listen(0);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    ${SERVE}`;
    const running = plainNode(t, program(t, "{ port: 0 }", work));
    await running.says(/is ready: 2 workers/);
    t.match(
      running.stderr,
      /worker \d+ listens on port \d+ by itself.*If another server does, all is well/,
    );
    t.equal(running.stderr.match(/listens on port/g)?.length, 1, "once");
  },
);

t.test("setupWorker() takes a namespace for its server", async (t) => {
  const work = 'await setupWorker(new Server(createServer()).of("/chat"));';
  const running = plainNode(t, program(t, "{ port: 0 }", work));
  const [, url] = await running.says(/^(http:\S+) is ready: 2 workers$/m);
  const answer = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
  t.match(await answer.text(), /^0\{"sid":/);
});

t.test(
  "settings of node:cluster, as Midway's bootstrap takes them, are said to be unused",
  async (t) => {
    const primary = ""; // nothing is started
    const running = plainNode(t, program(t, '{ silent: true, cwd: "/" }', "", primary));
    t.same(await running.exit(), { code: 0, signal: null });
    t.match(running.stderr, "have no effect here: silent, cwd");
  },
);

t.test("an option that does not exist ends the start", async (t) => {
  const running = plainNode(t, program(t, "{ port: 0, workers: 4 }", SERVE));
  t.equal((await running.exit()).code, 1);
  t.match(running.stderr, 'ClusterManager has no option "workers" (4). Did you mean "count"?');
});
