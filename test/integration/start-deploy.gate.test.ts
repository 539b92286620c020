import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Cmd, DockerfileParser, type Healthcheck } from "dockerfile-ast";
import { validate } from "dockerfile-utils";
import t, { type Test } from "tap";
import { connectClient } from "../helpers/clients.js";
import { isAlive } from "../helpers/cluster.js";
import { filesOf } from "../helpers/docs.js";
import { freePort } from "../helpers/proxies.js";
import { childrenOf, ROOT, run, start } from "../helpers/spawned.js";

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const DOCKERFILE = read("examples/deploy/start.Dockerfile");
const [, INI = ""] = /^```ini\n([\s\S]*?)^```$/m.exec(read("docs/start.md")) ?? [];
const image = DockerfileParser.parse(DOCKERFILE);
const words = (text: string | null | undefined) => JSON.parse(text ?? "") as string[];

/** The server of docs/start.md, beside the package, as it is installed. */
async function application(t: Test): Promise<{ dir: string; port: number }> {
  const { dir } = await filesOf(t, "docs/start.md", "js");
  await mkdir(join(dir, "node_modules"));
  symlinkSync(ROOT, join(dir, "node_modules/socket-supervisor"));
  const port = await freePort();
  const server = join(dir, "server.mjs");
  writeFileSync(server, readFileSync(server, "utf8").replace("listen(3000", `listen(${port}`));
  return { dir, port };
}

t.test("the command as the one process of a container", async (t) => {
  t.same(validate(DOCKERFILE), []);
  const instructions = image.getInstructions();
  const one = <T>(keyword: string) => instructions.find((it) => it.getKeyword() === keyword) as T;
  const cmd = words(one<Cmd>("CMD").getArgumentsContent());
  const { dir, port } = await application(t);
  const [, ...args] = cmd;
  const container = start(t, process.execPath, args, {}, dir);
  await container.says(/^\[socket-supervisor\] server\.mjs: \d+ workers? on http/m);

  const [command = ""] =
    /\[.*\]/s.exec(one<Healthcheck>("HEALTHCHECK").getArgumentsContent() ?? "") ?? [];
  const check = words(command);
  const uid = String(process.getuid?.());
  const [, ...checks] = check.map((word) => word.replace("supervisor-1000", `supervisor-${uid}`));
  await t.resolves(run(process.execPath, checks), "healthy");

  const workers = await childrenOf(container.child.pid);
  const socket = await connectClient(t, `http://127.0.0.1:${port}`);
  const heard = new Promise((resolve) => socket.once("shout", resolve));
  socket.emit("shout", "hello");
  t.equal(await heard, "hello");
  socket.disconnect();
  container.child.kill("SIGTERM");
  t.equal((await container.exit()).code, 0);
  t.notOk(workers.some(isAlive));
  await t.rejects(run(process.execPath, checks), "not healthy any more");
});

t.test("the lines for systemd reload with SIGHUP and end the primary alone", async (t) => {
  const [, command = ""] = /^ExecStart=\/usr\/bin\/node (.*)$/m.exec(INI) ?? [];
  t.match(INI, /^ExecReload=\/bin\/kill -HUP \$MAINPID$/m);
  t.match(INI, /^KillMode=mixed$/m);
  const { dir, port } = await application(t);
  const service = start(t, process.execPath, [...command.split(" "), "--workers", "2"], {}, dir);
  await service.says(/2 workers on http/);
  const old = await childrenOf(service.child.pid);
  service.child.kill("SIGHUP");
  await service.says(/reload done/);
  const workers = await childrenOf(service.child.pid);
  t.equal(workers.length, 2);
  t.notOk(
    workers.some((pid) => old.includes(pid)),
    "new workers",
  );
  t.equal((await fetch(`http://127.0.0.1:${port}`)).status, 200);
  service.child.kill("SIGTERM");
  t.equal((await service.exit()).code, 0);
  t.notOk(workers.some(isAlive));
});

const noSystemd = await run("systemd-analyze", ["--version"]).then(
  () => false,
  (error: Error) => `systemd-analyze does not work here: ${error.message.trim()}`,
);
t.test("systemd has nothing to say against them in the unit", { skip: noSystemd }, async (t) => {
  const dir = mkdtempSync("/tmp/deploy-");
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const node = existsSync("/usr/bin/node") ? "/usr/bin/node" : process.execPath;
  const unit = read("examples/deploy/socket-supervisor.service")
    .replace(/^(ExecStart|ExecReload|KillMode)=.*\n/gm, "")
    .replace("[Service]\n", `[Service]\n${INI.replace("/usr/bin/node", node)}`);
  const file = join(dir, "start.service");
  writeFileSync(file, unit);
  const { stdout, stderr } = await run("systemd-analyze", [
    "verify",
    "--recursive-errors=no",
    file,
  ]);
  t.same(
    (stdout + stderr).split("\n").filter((line) => line.includes("start.service")),
    [],
  );
});
