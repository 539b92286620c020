import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import t from "tap";
import { newName } from "../helpers/cli.js";
import { fixture } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { freePort } from "../helpers/proxies.js";
import { ROOT } from "../helpers/spawned.js";
import { launchUnchanged } from "../helpers/unchanged.js";

const TWO = ["--workers", "2"];

for (const [file, what] of [
  ["forks.mjs", /^forks\.mjs calls cluster\.fork\(\), which/m],
  ["forks-by-name.mjs", /^forks-by-name\.mjs forks workers by itself/m],
  ["sticky.cjs", /^sticky\.cjs calls cluster\.setupPrimary\(\), which/m],
  ["on-a-path.mjs", /^on-a-path\.mjs listens on the path .*\.sock, which/m],
  ["manager.mjs", /^manager\.mjs listens on no port, and a worker said that it is ready/m],
  ["own-port.mjs", /^Workers have to listen on the same ports, but worker \d+ on \d+, worker/m],
] as const) {
  const skip = ["forks.mjs", "manager.mjs"].includes(file) ? false : onlyInGate;
  t.test(`${file} is told what to do`, { skip }, async (t) => {
    const env = { SOCKET_PATH: join(t.testdir({}), "app.sock") };
    const { running } = await launchUnchanged(t, file, TWO, env);
    t.equal((await running.exit()).code, 1);
    t.match(running.stderr, what);
    t.notMatch(running.stderr, /\n\s+at .*dist\/cli/, "no stack of the command's own");
    t.notMatch(running.stdout, /workers on/);
  });
}

t.test(
  "who waits for the cluster is not told that it is ready when the ports differ",
  async (t) => {
    const args = ["start", fixture("unchanged/own-port.mjs"), "--name", newName(), ...TWO];
    const env = { ...process.env, PORT: String(await freePort()) };
    const child = fork(join(ROOT, "dist/cli.js"), args, { env, stdio: "ignore", execArgv: [] });
    t.teardown(() => child.kill("SIGKILL"));
    const told: unknown[] = [];
    child.on("message", (message) => told.push(message));
    const [code] = await once(child, "exit");
    t.equal(code, 1);
    t.same(told, []);
  },
);

t.test("a server that never listens is told what was expected", async (t) => {
  const dir = t.testdir({
    "silent.js": "setInterval(() => {}, 1_000);",
    "package.json": JSON.stringify({ "socket-supervisor": { workerInitTimeout: 1_000 } }),
  });
  const { running } = await launchUnchanged(t, join(dir, "silent.js"), TWO, {}, [], dir);
  t.equal((await running.exit()).code, 1);
  t.match(
    running.stderr,
    /was not ready within 1000 ms .* becomes ready with listen\(\) on a port/,
  );
});

t.test("a port in use is the application's error", async (t) => {
  const port = await freePort();
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  t.teardown(() => other.close());
  const { running } = await launchUnchanged(t, "tells-errors.mjs", TWO, { PORT: String(port) });
  t.equal((await running.exit()).code, 1);
  t.match(running.stdout, `error EADDRINUSE listen ${port}, listening false`);
  t.match(running.stderr, /^Worker \d+ exited with code 3 before it was ready\.$/m);
});

t.test("without a handler, Node's own words are shown", async (t) => {
  const port = await freePort();
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  t.teardown(() => other.close());
  const { running } = await launchUnchanged(t, "plain-http.mjs", TWO, { PORT: String(port) });
  t.equal((await running.exit()).code, 1);
  t.match(running.stderr, `Error: listen EADDRINUSE: address already in use 127.0.0.1:${port}`);
});

t.test("what is wrong with the command line or the configuration is said in a line", async (t) => {
  const dir = t.testdir({
    "app.js": "",
    "count.json": JSON.stringify({ count: 2 }),
    "typo.json": JSON.stringify({ wrokers: 2 }),
  });
  const app = join(dir, "app.js");
  for (const [flags, message] of [
    [["--workers", "many"], /Option "workers" must be an integer from 1 to 1024, or "max"/],
    [
      ["--wrokers", "2"],
      /There is no option --wrokers. Did you mean --workers.\nOptions: --workers, --watch/s,
    ],
    [["more"], /"more" means nothing after .*Arguments of the server come after --/],
    [["--config", "none.json"], /There is no file .*none\.json/],
    [["--config", "count.json"], /Option "count" must be left out here: say "workers"/],
    [["--config", "typo.json"], /Option "wrokers" must be one of file, workers, watch, import,/],
  ] as const) {
    const { running } = await launchUnchanged(t, app, [...flags], {}, [], dir);
    t.equal((await running.exit()).code, 1, flags.join(" "));
    t.match(running.stderr, message);
    t.notMatch(running.stderr, /\n\s+at /);
  }
  const { running } = await launchUnchanged(t, join(dir, "none.js"));
  t.equal((await running.exit()).code, 1);
  t.match(running.stderr, /There is no file .*none\.js\./);
});
