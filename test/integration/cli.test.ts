import { existsSync, readFileSync, statSync, utimesSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import t from "tap";
import type { ClusterStatus } from "../../src/index.js";
import { controlPath } from "../../src/system/control-path.js";
import { cli, named, newName } from "../helpers/cli.js";
import { connectClient } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { ROOT, run, start } from "../helpers/spawned.js";

t.test("status: a table of 80 columns, or JSON", async (t) => {
  const { name, cluster } = await named(t);
  await connectClient(t, cluster.port, "websocket");
  while ((await cluster.status()).sessions === 0) await new Promise(setImmediate);
  const { code, stdout } = await cli(t, "status", "--name", name);
  t.equal(code, 0);
  const [head = "", titles = "", primary = "", ...rows] = stdout.trimEnd().split("\n");
  t.match(head, `${name}: running, pid ${cluster.child.pid}, 3 of 3 workers ready, 1 sessions`);
  t.match(
    titles,
    /#\s+pid\s+state\s+gen\s+sessions\s+loop\s+cpu\s+rss\s+queue\s+uptime\s+restarts/,
  );
  t.match(primary, new RegExp(`${cluster.child.pid}\\s+primary\\s+[\\d.]+s\\s+\\d+ MB`));
  t.equal(rows.length, 3);
  for (const line of [titles, primary, ...rows]) t.ok(line.length <= 80, line);
  for (const [n, pid] of (await cluster.pids()).entries())
    t.match(rows[n], new RegExp(`${pid}\\s+ready`));

  const json = await cli(t, "status", "--json", "--name", name);
  t.match(JSON.parse(json.stdout), { phase: "running", count: 3, sessions: 1 });
});

t.test("list: all clusters of this user", { skip: onlyInGate }, async (t) => {
  const { name: first, cluster } = await named(t, { count: 1 });
  const { name: second } = await named(t, { count: 2 });
  const { code, stdout } = await cli(t, "list");
  t.equal(code, 0);
  t.match(stdout, /^name\s+phase\s+pid\s+workers\s+sessions\s+restarts\n/);
  t.match(
    stdout,
    new RegExp(`^${first}\\s+running\\s+${cluster.child.pid}\\s+1/1\\s+0\\s+0$`, "m"),
  );
  t.match(stdout, new RegExp(`^${second}\\s+running\\s+\\d+\\s+2/2`, "m"));
  const names = (await cli(t, "list", "--names")).stdout.trimEnd().split("\n");
  for (const name of [first, second]) t.ok(names.includes(name));
  const lines = (await cli(t, "list", "--json")).stdout.trimEnd().split("\n");
  const listed = lines.map((line) => JSON.parse(line) as { name: string; status: ClusterStatus });
  t.match(
    listed.find(({ name }) => name === second),
    { status: { phase: "running", count: 2 } },
  );
});

t.test("a status that is not for a screen has no escape codes", { skip: onlyInGate }, async (t) => {
  const { name } = await named(t, { count: 1 });
  const args = [join(ROOT, "dist/cli.js"), "status", "--watch", "--name", name];
  const running = start(t, process.execPath, args);
  await running.says(/workers ready[\s\S]*workers ready/);
  running.child.kill("SIGINT");
  await running.exit();
  t.notOk(running.stdout.includes("\x1b"));
});

t.test("version, help, completions", async (t) => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  t.match(await cli(t, "--version"), { code: 0, stdout: `${version}\n` });
  t.match((await cli(t, "help")).stdout, /^Usage: socket-supervisor <command>/);
  t.match((await cli(t, "help", "start")).stdout, /^Usage: socket-supervisor start <file>/);
  const bash = await cli(t, "completions", "bash");
  t.match(bash, { code: 0, stdout: /complete -o filenames -F _socket_supervisor/ });
  const words =
    'COMP_WORDS=(socket-supervisor re); COMP_CWORD=1; _socket_supervisor; echo "$COMPREPLY"';
  const completed = await run("bash", ["-c", `${bash.stdout}\n${words}`]);
  t.equal(completed.stdout, "reload\n");
  t.match(
    (await cli(t, "completions", "fish")).stdout,
    /^complete -c socket-supervisor .* -a start$/m,
  );
  t.match(await cli(t, "completions"), { code: 1, stderr: /needs a shell: bash, zsh, fish/ });
});

t.test("status --watch goes on until it is ended", { skip: onlyInGate }, async (t) => {
  const { name } = await named(t, { count: 1 });
  const running = start(t, process.execPath, [
    join(ROOT, "dist/cli.js"),
    "status",
    "--watch",
    "--json",
    "--name",
    name,
  ]);
  await running.says(/\n.*\n/);
  running.child.kill("SIGINT");
  t.equal((await running.exit()).signal, "SIGINT");
});

t.test("reload shows its steps; it fails with the reason", async (t) => {
  const { name, cluster } = await named(t, {
    count: 2,
    exec: "versioned.js",
    options: { drainTimeout: 500 },
  });
  const before = await cluster.pids();
  const good = await cli(t, "reload", "--name", name);
  t.equal(good.code, 0);
  t.match(
    good.stdout,
    /0 of 2 .*1 of 2 .*2 of 2 workers replaced.*2 workers replaced, 0 sessions/s,
  );
  t.notOk((await cluster.pids()).some((pid) => before.includes(pid)));

  await cluster.call("setEnv", "VERSION", "broken");
  const bad = await cli(t, "reload", "--name", name);
  t.equal(bad.code, 1);
  t.match(bad.stderr, /^The reload failed\. Worker \d+ exited with code 3.*is broken/s);
  t.notMatch(bad.stderr, /\n\s+at /);
});

t.test("scale and stop", async (t) => {
  const { name, cluster } = await named(t, { count: 1 });
  t.match(await cli(t, "scale", "3", "--name", name), { code: 0, stdout: `${name}: 3 workers\n` });
  t.equal((await cluster.pids()).length, 3);
  const wrong = await cli(t, "scale", "0", "--name", name);
  t.equal(wrong.code, 1);
  t.match(wrong.stderr, /"count" must be an integer from 1 to 1024, but it is 0/);
  t.match(await cli(t, "stop", "--name", name), { code: 0, stdout: `${name}: stopped\n` });
  t.same(await cluster.exit(), { code: 0, signal: null });
  t.notOk(existsSync(controlPath(name)), "nothing is left");
});

t.test("two clusters of one name do not collide", { skip: onlyInGate }, async (t) => {
  const { name, cluster: first } = await named(t, { count: 1 });
  const second = await startCluster(t, { count: 1, options: { name } });
  const own = `${name}.${second.child.pid}`;
  // It comes through a pipe of its own.
  while (!second.output.includes("another")) await new Promise((r) => setTimeout(r, 10));
  t.match(second.output, `another cluster is called "${name}": use --name ${own} for this one`);
  const pidOf = async (target: string) =>
    (JSON.parse((await cli(t, "status", "--json", "--name", target)).stdout) as ClusterStatus).pid;
  t.equal(await pidOf(name), first.child.pid);
  t.equal(await pidOf(own), second.child.pid);
});

t.test(
  "the control socket is this user's alone; /health tells whether all are ready",
  async (t) => {
    const { name, cluster } = await named(t, { count: 2, options: { refork: false } });
    const path = controlPath(name);
    t.equal(statSync(path).mode & 0o777, 0o600);
    t.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
    const health = () =>
      new Promise((resolve, reject) => {
        request({ socketPath: path, path: "/health" }, (res) => resolve(res.resume().statusCode))
          .once("error", reject)
          .end();
      });
    t.equal(await health(), 200);
    const exit = new Promise((resolve) => cluster.once("worker:exit", resolve));
    process.kill((await cluster.pids())[0] ?? 0, "SIGKILL");
    await exit;
    t.equal(await health(), 503);
  },
);

t.test("what it cannot do it says in a line, and exits with 1", async (t) => {
  for (const [args, message] of [
    [["status", "--name", newName()], /^No cluster is running at .*\.sock\./],
    [["frobnicate"], /^There is no command "frobnicate"/],
    [
      ["status", "--jsn"],
      /There is no option --jsn. Did you mean --json.\nOptions: --json, --watch.*Try: socket-supervisor status --help/s,
    ],
    [["scale"], /^scale needs one whole number/],
    [["scale", "many"], /^scale needs one whole number/],
    [["inspect"], /^inspect needs one worker, its pid or its number/],
    [["inspect", "1", "2"], /^inspect needs one worker/],
    [["inspect", "one"], /^inspect needs one worker/],
    [["reload", "now"], /^"now" means nothing after reload/],
  ] as const) {
    const { code, stderr, stdout } = await cli(t, ...args);
    t.equal(code, 1, args.join(" "));
    t.match(stderr, message);
    t.equal(stdout, "");
    t.notMatch(stderr, /\n\s+at /);
  }
});

t.test("every command has its --help", async (t) => {
  const main = await cli(t, "--help");
  t.equal(main.code, 0);
  for (const command of ["start", "status", "reload", "scale", "inspect", "stop", "load"]) {
    t.match(main.stdout, new RegExp(`^  ${command} `, "m"));
    const { code, stdout } = await cli(t, command, "--help");
    t.equal(code, 0);
    t.match(stdout, `Usage: socket-supervisor ${command}`);
    t.match(stdout, "--name <name>");
  }
});

t.test(
  "the socket of a primary that was killed is removed by the next",
  { skip: onlyInGate },
  async (t) => {
    const { name, cluster } = await named(t, { count: 1 });
    cluster.child.kill("SIGKILL");
    await cluster.exit();
    const path = controlPath(name);
    t.ok(existsSync(path));
    const minuteAgo = Date.now() / 1_000 - 60;
    utimesSync(path, minuteAgo, minuteAgo);
    await named(t, { count: 1 });
    t.notOk(existsSync(path));
  },
);
