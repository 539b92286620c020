import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { type Cmd, type Copy, DockerfileParser, type Healthcheck } from "dockerfile-ast";
import { validate } from "dockerfile-utils";
import t, { type Test } from "tap";
import type { ClusterStatus } from "../../src/index.js";
import { resolveManagerOptions } from "../../src/options/options.js";
import { safeName } from "../../src/system/control-path.js";
import { connectClient } from "../helpers/clients.js";
import { isAlive } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { childrenOf, ROOT, run, start } from "../helpers/spawned.js";

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const UNIT = read("examples/deploy/socket-supervisor.service");
const DOCKERFILE = read("examples/deploy/Dockerfile");
const DOC = read("docs/deploy.md");
const { name: NAME } = JSON.parse(read("package.json")) as { name: string };
const CLI = join(ROOT, "dist/cli.js");

/** A folder that goes with the test. Not in tmpdir(): paths of Unix sockets have to be short. */
function folder(t: Test): string {
  const path = mkdtempSync("/tmp/deploy-");
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Why a program cannot be used here; `false` when it can: for tap's `skip`. */
async function missing(program: string, ...args: string[]): Promise<string | false> {
  return run(program, args).then(
    () => false,
    (error: Error) => `${program} does not work here: ${error.message.trim()}`,
  );
}

/** What a program wrote to both outputs, and its exit code. */
async function outcome(program: string, args: string[], env: Record<string, string> = {}) {
  const done = { code: 0, output: "" };
  try {
    const { stdout, stderr } = await run(program, args, { env: { ...process.env, ...env } });
    done.output = stdout + stderr;
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    Object.assign(done, { code, output: stdout + stderr });
  }
  return done;
}

const seconds = (unit: string, setting: string): number =>
  Number(new RegExp(`^${setting}=(\\d+)$`, "m").exec(unit)?.[1]);

const noSystemd = await missing("systemd-analyze", "--version");
t.test("systemd has nothing to say against the unit", { skip: noSystemd }, async (t) => {
  const file = join(folder(t), "socket-supervisor.service");
  /** Complaints about this unit; those about the machine's own units are not ours. */
  const complaints = async (unit: string): Promise<string[]> => {
    writeFileSync(file, unit);
    const args = ["verify", "--recursive-errors=no", file];
    const { code, output } = await outcome("systemd-analyze", args);
    const lines = output.split("\n").filter((line) => line.includes("socket-supervisor.service"));
    return code !== 0 && lines.length === 0 ? [output] : lines;
  };
  // Node may be somewhere else on this machine, and only that.
  const node = existsSync("/usr/bin/node") ? "/usr/bin/node" : process.execPath;
  const unit = UNIT.replace("ExecStart=/usr/bin/node ", `ExecStart=${node} `);
  t.same(await complaints(unit), []);
  for (const [wrong, complaint] of [
    [unit.replace("KillMode", "KilMode"), /Unknown key/],
    [unit.replace("=mixed", "=mixd"), /Failed to parse kill mode/],
    [unit.replace(node, "/nowhere/node"), /not executable/],
  ] as const) {
    t.match((await complaints(wrong)).join("\n"), complaint, "it would see a mistake");
  }
});

t.test("the unit fits the supervisor", async (t) => {
  t.ok(seconds(UNIT, "TimeoutStopSec") * 1_000 > resolveManagerOptions().stopTimeout);
  const [, dir] = /^RuntimeDirectory=(.+)$/m.exec(UNIT) ?? [];
  t.match(UNIT, `\nEnvironment=XDG_RUNTIME_DIR=%t/${dir}\n`);
  t.match(DOC, `XDG_RUNTIME_DIR=/run/${dir} `);
  const [, cwd] = /^WorkingDirectory=(.+)$/m.exec(UNIT) ?? [];
  t.match(DOC, `\ncd ${cwd}\n`);
  const [, user] = /^User=(.+)$/m.exec(UNIT) ?? [];
  t.match(DOC, `useradd --system ${user}\n`);
  t.match(DOC, `sudo -u ${user} env XDG_RUNTIME_DIR`);
});

const image = DockerfileParser.parse(DOCKERFILE);
const stages = image.getFROMs().map((from) => from.getBuildStage());
/** The instructions of the image itself, after the last FROM. */
const final = image
  .getInstructions()
  .slice(
    image.getInstructions().findLastIndex((instruction) => instruction.getKeyword() === "FROM"),
  );
const finalOf = <T>(keyword: string): T[] =>
  final.filter((instruction) => instruction.getKeyword() === keyword) as T[];
const words = (copy: Copy): string[] => copy.getArguments().map((word) => word.getValue());
const fromOf = (copy: Copy) => copy.getFromFlag()?.getValue();
/** The words of a CMD in exec form; throws for one in shell form. */
const execForm = (text: string | null | undefined) => JSON.parse(text ?? "") as string[];

t.test("the Dockerfile is valid, and hands the signals to node", async (t) => {
  t.same(validate(DOCKERFILE), []);
  t.match(validate(DOCKERFILE.replace("HEALTHCHECK --", "HEALTHCHECK --x")), [{ severity: 1 }]);
  const [cmd] = finalOf<Cmd>("CMD");
  t.same(execForm(cmd?.getArgumentsContent()), ["node", "bootstrap.js"]);
  t.same(finalOf("ENTRYPOINT"), []);
  t.match(DOCKERFILE, /^STOPSIGNAL SIGTERM$/m);
  t.match(DOCKERFILE, /^USER node$/m);
  const waits = [...DOC.matchAll(/(?:--stop-timeout|docker stop -t) (\d+)/g)];
  t.ok(waits.length >= 2);
  for (const [text, time] of waits)
    t.ok(Number(time) * 1_000 > resolveManagerOptions().stopTimeout, text);
});

t.test("the Dockerfile copies what there is", async (t) => {
  const copied: string[] = [];
  for (const copy of image.getCOPYs()) {
    const from = fromOf(copy);
    if (from !== undefined) {
      t.ok(stages.includes(from), `--from=${from}`);
      continue;
    }
    for (const path of words(copy).slice(0, -1)) {
      t.ok(existsSync(join(ROOT, path)), path);
      copied.push(path);
    }
  }
  // What "npm run build" reads: a new tsconfig or script must not be forgotten.
  const { scripts } = JSON.parse(read("package.json")) as { scripts: { build: string } };
  for (const [path] of scripts.build.matchAll(/[\w./]+\.(json|js)\b/g)) {
    t.ok(
      copied.some((one) => one === path || path.startsWith(one)),
      path,
    );
  }
});

/** `packages` and all that they need, as folders in node_modules. */
function closure(packages: string[]): string[] {
  const lock = JSON.parse(read("package-lock.json")) as {
    packages: Record<string, { dependencies?: Record<string, string> }>;
  };
  const found = new Set<string>();
  const add = (name: string): void => {
    const path = `node_modules/${name}`;
    if (found.has(path)) return;
    found.add(path);
    for (const needed of Object.keys(lock.packages[path]?.dependencies ?? {})) add(needed);
  };
  for (const name of packages) add(name);
  return [...found];
}

/** The image's files: what its last stage copies, with the packages that the build leaves. */
function assemble(dir: string): void {
  const { dependencies } = JSON.parse(read("package.json")) as { dependencies: object };
  for (const copy of finalOf<Copy>("COPY")) {
    for (const source of words(copy).slice(0, -1)) {
      const path = source.replace(/^\/app\//, "");
      const paths =
        path === "node_modules/" ? closure([...Object.keys(dependencies), "socket.io"]) : [path];
      for (const one of paths) {
        mkdirSync(dirname(join(dir, one)), { recursive: true });
        cpSync(join(ROOT, one), join(dir, one), { recursive: true });
      }
    }
  }
}

t.test("the image's files suffice, and its health check tells", { skip: onlyInGate }, async (t) => {
  const dir = folder(t);
  assemble(dir);
  const env = { HOST: "127.0.0.1", PORT: "0", WORKERS: "2", XDG_RUNTIME_DIR: dir };
  const running = start(t, "env", ["-C", dir, process.execPath, "bootstrap.js"], env);
  const [, url = ""] = await running.says(/^(http:\S+) is ready: 2 workers\n/m);
  t.equal((await fetch(url)).status, 200);
  t.ok((await connectClient(t, url)).connected);

  const [check] = finalOf<Healthcheck>("HEALTHCHECK");
  const [, ...args] = execForm(check?.getRawArgumentsContent()?.replace(/^.*?CMD /, ""));
  const inImage = `/tmp/${NAME}-1000/${safeName(NAME)}.sock`;
  t.match(args[1], `'${inImage}'`, "the user node has the uid 1000");
  t.notMatch(DOCKERFILE, /XDG_RUNTIME_DIR|TMPDIR/, "so the socket is in /tmp");
  const health = async (path: string) =>
    (
      await outcome(
        process.execPath,
        args.map((arg) => arg.replace(inImage, path)),
      )
    ).code;
  const path = join(dir, `${NAME}-${process.getuid?.()}`, `${NAME}.sock`);
  t.equal(await health(path), 0);
  running.child.kill("SIGTERM");
  t.same(await running.exit(), { code: 0, signal: null });
  t.equal(await health(path), 1, "nobody is there");

  const unhealthy = createServer((_, res) => res.writeHead(503).end());
  await once(unhealthy.listen(join(dir, "503.sock")), "listening");
  t.equal(await health(join(dir, "503.sock")), 1);
  unhealthy.close();
});

t.test("docs/deploy.md names what there is", async (t) => {
  for (const [, path = ""] of DOC.matchAll(/\]\((?!#|http)([^)#]+)\)/g)) {
    t.ok(existsSync(join(ROOT, "docs", path)), path);
  }
  for (const [, anchor] of DOC.matchAll(/\]\(#([\w-]+)\)/g)) {
    t.match(DOC, new RegExp(`^## ${anchor}$`, "im"));
  }
  const code = [...DOC.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text]) => text).join("");
  for (const [path] of code.matchAll(/(?<=[\s])(examples|dist)\/\S+|ecosystem\.config\.js/g)) {
    t.ok(existsSync(join(ROOT, path)), path);
  }

  const commands = [...DOC.matchAll(/(?:npx|`) ?socket-supervisor (\w+)|cli\.js (\w+)/g)];
  t.ok(commands.length > 4);
  for (const name of new Set(commands.map(([, one, other]) => one ?? other ?? ""))) {
    const { code, output } = await outcome(process.execPath, [CLI, name, "--help"]);
    t.equal(code, 0, name);
    t.match(output, "--socket <path>");
  }

  const quoted = [...DOC.matchAll(/`([^`\n]+)`/g)].map(([, text = ""]) => text);
  const some = (pattern: RegExp) => quoted.filter((text) => pattern.test(text));
  const options = some(/^([a-z]+[A-Z]\w*|limit|duration|count)$/);
  t.ok(options.length > 0);
  for (const option of options) t.ok(option in resolveManagerOptions(), option);
  for (const [, option = "", time] of DOC.matchAll(/`(\w+Timeout)` \((\d+) s\)/g)) {
    const defaults: Record<string, unknown> = { ...resolveManagerOptions() };
    t.equal(defaults[option], Number(time) * 1_000, option);
  }
  for (const setting of some(/^([A-Z][a-z]\w+=\w+|RuntimeDirectory)$/)) {
    t.match(UNIT, new RegExp(`^${setting}`, "m"));
  }
  for (const instruction of some(/^(CMD|USER|HEALTHCHECK)$/)) {
    t.match(DOCKERFILE, new RegExp(`^${instruction} `, "m"));
  }
});

t.test("docs/deploy.md names commands and settings that pm2 has", async (t) => {
  const { apps } = await import(join(ROOT, "ecosystem.config.js"));
  const settings = [...DOC.matchAll(/`([a-z]+_[a-z]+|treekill)\b[^`]*`/g)]
    .map(([, name = ""]) => name)
    .filter((name) => name !== "sd_notify");
  t.ok(settings.length > 2);
  for (const name of settings) t.ok(name in apps[0], name);
  const pm2 = join(ROOT, "node_modules/.bin/pm2");
  const env = { PM2_HOME: folder(t), PM2_DISABLE_VERSION_CHECK: "1" };
  const help = await outcome(pm2, ["--help"], env);
  await outcome(pm2, ["kill"], env); // to ask for help starts its daemon, too
  const commands = [...DOC.matchAll(/(?:^|`)pm2 (\w+)/gm)].map(([, name]) => name);
  for (const name of ["sendSignal", "trigger", "reload"]) t.ok(commands.includes(name), name);
  for (const name of new Set(commands)) t.match(help.output, new RegExp(`^\\s+${name}\\b`, "m"));
  for (const [, name] of DOC.matchAll(/^pm2 (?:trigger|describe|sendSignal SIGHUP) (\S+)/gm)) {
    t.equal(name, apps[0].name);
  }
});

const UNSHARE = ["--pid", "--fork", "--kill-child", "--mount-proc"];
const noUnshare = await missing("unshare", ...UNSHARE, "true");

/** `node bootstrap.js` as PID 1 of a namespace, as in a container. */
async function startAsPid1(t: Test) {
  const dir = folder(t);
  const env = { HOST: "127.0.0.1", PORT: "0", WORKERS: "2", XDG_RUNTIME_DIR: dir, TMPDIR: dir };
  const running = start(t, "unshare", [...UNSHARE, process.execPath, "bootstrap.js"], env);
  const [, url = ""] = await running.says(/^(http:\S+) is ready: 2 workers\n/m);
  const [node = 0] = await childrenOf(running.child.pid);
  /** What the CLI says, until it is as it should be. tap's timeout ends a wait in vain. */
  const until = async (holds: (status: ClusterStatus) => boolean): Promise<ClusterStatus> => {
    for (;;) {
      const { stdout } = await run(process.execPath, [CLI, "status", "--json"], {
        cwd: ROOT,
        env: { ...process.env, XDG_RUNTIME_DIR: dir },
      });
      const status = JSON.parse(stdout) as ClusterStatus;
      const ready = status.workers.filter(({ state }) => state === "ready");
      if (ready.length === 2 && status.workers.length === 2 && holds(status)) return status;
    }
  };
  const workers = await childrenOf(node);
  return { running, url, node, dir, until, workers };
}

t.test(
  "as PID 1: SIGTERM stops it in order, nothing is left",
  { skip: onlyInGate || noUnshare },
  async (t) => {
    const { running, url, node, dir, until, workers } = await startAsPid1(t);
    t.equal((await until(() => true)).pid, 1, "it is PID 1 in there");
    t.equal(workers.length, 2);
    const sockets = [
      await connectClient(t, url, "polling", { reconnection: false }),
      await connectClient(t, url, "websocket", { reconnection: false }),
    ];
    const reasons = sockets.map((socket) => new Promise((r) => socket.once("disconnect", r)));
    const before = performance.now();
    process.kill(node, "SIGTERM");
    t.same(await running.exit(), { code: 0, signal: null });
    t.ok(
      performance.now() - before < resolveManagerOptions().stopTimeout,
      "nobody had to be killed",
    );
    t.same(await Promise.all(reasons), ["transport close", "transport close"]);
    t.same([node, ...workers].filter(isAlive), []);
    const files = readdirSync(dir, { recursive: true, encoding: "utf8" });
    t.same(files, [`${NAME}-${process.getuid?.()}`], "only the folder of control sockets, empty");
    t.equal(running.stderr, "");
  },
);

t.test(
  "as PID 1: a worker that is killed is replaced",
  { skip: onlyInGate || noUnshare },
  async (t) => {
    const { running, url, node, until, workers } = await startAsPid1(t);
    const [victim = 0, other = 0] = workers;
    process.kill(victim, "SIGKILL");
    await until(({ restarts }) => restarts === 1);
    const now = await childrenOf(node);
    t.equal(now.length, 2, "the dead one was reaped");
    t.ok(now.includes(other));
    t.notOk(now.includes(victim));
    t.ok((await connectClient(t, url)).connected);
    process.kill(node, "SIGTERM");
    t.same(await running.exit(), { code: 0, signal: null });
  },
);

t.test("as PID 1: SIGHUP reloads, clients stay", { skip: onlyInGate || noUnshare }, async (t) => {
  const { running, url, node, until, workers } = await startAsPid1(t);
  const { generation } = await until(() => true);
  const socket = await connectClient(t, url);
  const again = new Promise<void>((resolve) => socket.once("connect", resolve));
  process.kill(node, "SIGHUP");
  await again;
  const after = await until((status) => status.generation === generation + 1);
  t.equal(after.pid, 1);
  const now = await childrenOf(node);
  t.equal(now.length, 2);
  t.notOk(now.some((pid) => workers.includes(pid)));
  t.ok(await socket.timeout(30_000).emitWithAck("join", { name: "Ann", room: "pid 1" }));
  t.equal(running.stderr, "");
  process.kill(node, "SIGTERM");
  t.same(await running.exit(), { code: 0, signal: null });
});
