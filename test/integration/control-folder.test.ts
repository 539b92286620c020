import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Test } from "tap";
import t from "tap";
import { controlPath } from "../../src/system/control-path.js";
import { newName } from "../helpers/cli.js";
import { startCluster } from "../helpers/cluster.js";
import { ROOT, start } from "../helpers/spawned.js";

const NAME = `socket-supervisor-${process.getuid?.() ?? 0}`;

/** Folders of one test for $XDG_RUNTIME_DIR and $TMPDIR. Short, for the sockets in them. */
function folders(t: Test) {
  const base = mkdtempSync("/tmp/control-");
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const env = { XDG_RUNTIME_DIR: join(base, "run"), TMPDIR: join(base, "tmp") };
  for (const dir of Object.values(env)) mkdirSync(dir);
  return { base, env, dir: join(env.XDG_RUNTIME_DIR, NAME), fallback: join(env.TMPDIR, NAME) };
}

/** Regular files that look like what is swept. */
function plant(dir: string): string[] {
  const longAgo = Date.now() / 1_000 - 3_600;
  const files = ["one.sock", "two.sock", "notes.txt"].map((name) => join(dir, name));
  for (const file of files) {
    writeFileSync(file, "precious");
    utimesSync(file, longAgo, longAgo);
  }
  return files;
}

async function cli(t: Test, env: Record<string, string>, ...args: string[]) {
  const running = start(t, process.execPath, [join(ROOT, "dist/cli.js"), ...args], env);
  return { ...(await running.exit()), stdout: running.stdout, stderr: running.stderr };
}

t.test("B5 behind a planted symlink nothing is deleted, and another folder is used", async (t) => {
  const { base, env, dir, fallback } = folders(t);
  const elsewhere = join(base, "elsewhere");
  mkdirSync(elsewhere, { mode: 0o700 });
  const files = plant(elsewhere);
  symlinkSync(elsewhere, dir);
  const name = newName();
  const cluster = await startCluster(t, { count: 1, options: { name }, env });
  const why = `${dir} is not used: it is a symbolic link.`;
  while (!existsSync(join(fallback, `${name}.sock`)) || !cluster.output.includes(why))
    await once(cluster.child.stderr ?? t, "data");
  for (const file of files) t.equal(readFileSync(file, "utf8"), "precious");
  t.equal(readdirSync(elsewhere).length, files.length, "nothing was put there either");
  const { code, stdout } = await cli(t, env, "status", "--name", name);
  t.equal(code, 0, "the CLI finds it where it is");
  t.match(stdout, `${name}: running`);
});

const others: [string, (dir: string) => void, RegExp][] = [
  ["open to others", (dir) => chmodSync(dir, 0o777), /its mode is 0777; it has to be 0700/],
];
// Only root can give a folder away.
if (process.getuid?.() === 0) {
  others.push(["another user's", (dir) => chownSync(dir, 65_534, 65_534), /belongs to the user/]);
}
for (const [what, change, why] of others) {
  t.test(`B5 a folder that is ${what} is not used, nor are sockets in it`, async (t) => {
    const { env, dir, fallback } = folders(t);
    mkdirSync(dir, { mode: 0o700 });
    const files = plant(dir);
    change(dir);
    const name = newName();
    const cluster = await startCluster(t, { count: 1, options: { name }, env });
    while (!existsSync(join(fallback, `${name}.sock`)) || !why.test(cluster.output))
      await once(cluster.child.stderr ?? t, "data");
    t.equal(readdirSync(dir).length, files.length);
    t.equal((await cli(t, env, "status", "--name", name)).code, 0);
    const stranger = await cli(t, env, "status", "--name", "one");
    t.equal(stranger.code, 1);
    t.match(stranger.stderr, why, "the CLI says why");
  });
}

t.test(
  "B5 of our own folder only sockets are swept, and regular files are no sockets",
  async (t) => {
    const { env, dir } = folders(t);
    mkdirSync(dir, { mode: 0o700 });
    const files = plant(dir);
    const name = newName();
    const cluster = await startCluster(t, { count: 1, options: { name }, env });
    for (const file of files) t.equal(readFileSync(file, "utf8"), "precious");
    const { code, stderr } = await cli(t, env, "status", "--name", "one");
    t.equal(code, 1);
    t.match(stderr, /one\.sock is not used: it is not a socket\./);
    const given = await cli(t, env, "status", "--socket", files[2] ?? "");
    t.match(given.stderr, /notes\.txt is not used: it is not a socket\./);
    cluster.child.kill("SIGTERM");
    await cluster.exit();
    t.equal(readdirSync(dir).length, files.length, "its own socket is gone");
  },
);

t.test("B5 the gateways' sweep leaves what is not ours alone", async (t) => {
  const { base, env } = folders(t);
  const elsewhere = join(base, "elsewhere");
  mkdirSync(elsewhere, { mode: 0o700 });
  const files = plant(elsewhere);
  // Names as a primary with a pid that nobody has would have made them.
  symlinkSync(elsewhere, join(env.TMPDIR, "socket-supervisor-4194305-abcdef"));
  const real = join(env.TMPDIR, "socket-supervisor-4194305-ghijkl");
  mkdirSync(real, { mode: 0o700 });
  files.push(...plant(real));
  const empty = join(env.TMPDIR, "socket-supervisor-4194305-mnopqr");
  mkdirSync(empty, { mode: 0o700 });
  utimesSync(empty, Date.now() / 1_000 - 3_600, Date.now() / 1_000 - 3_600);
  await startCluster(t, { count: 1, env });
  while (existsSync(empty)) await new Promise(setImmediate); // the sweep gets to the last of them
  for (const file of files) t.equal(readFileSync(file, "utf8"), "precious");
});

t.test("the control socket takes small bodies only, and few connections", async (t) => {
  const { env, dir } = folders(t);
  const name = newName();
  const cluster = await startCluster(t, { count: 1, options: { name }, env });
  const socketPath = controlPath(name, dir);
  const post = (bytes: number) =>
    new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      const req = request(
        { socketPath, method: "POST", path: "/scale", agent: false },
        async (res) => {
          let body = "";
          for await (const chunk of res.setEncoding("utf8")) body += chunk;
          resolve({ status: res.statusCode, body });
        },
      );
      req.once("error", reject);
      const part = Buffer.alloc(64 * 1024, " ");
      const send = (): void => {
        for (let sent = 0; sent < 16 && bytes > 0; sent++, bytes -= part.length) req.write(part);
        if (bytes > 0) req.once("drain", send);
        else req.end(`{"count":1}`);
      };
      send();
    });
  const before = rssOf(cluster.child.pid ?? 0);
  const { status, body } = await post(300 * 1024 * 1024);
  t.equal(status, 413);
  t.match(body, /A body has at most 16384 bytes/);
  const grown = (rssOf(cluster.child.pid ?? 0) - before) / 1024 ** 2;
  t.ok(grown < 100, `the primary grew by ${grown.toFixed()} MB`);
  t.equal((await post(0)).status, 200);

  const sockets: Socket[] = [];
  let open = 0;
  for (let n = 0; n < 100; n++) {
    const socket = connect(socketPath);
    sockets.push(socket);
    socket.on("error", () => {}).once("close", () => open--);
    await once(socket, "connect");
    open++;
  }
  while (open > 64) await new Promise(setImmediate);
  t.ok(open >= 60, `${open} of 100 stay`);
  for (const socket of sockets) socket.destroy();
  while ((await cli(t, env, "status", "--name", name)).code !== 0);
});

function rssOf(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
  return Number(pages) * 4_096;
}
