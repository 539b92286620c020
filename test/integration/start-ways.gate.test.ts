import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import t from "tap";
import { cli } from "../helpers/cli.js";
import { fixture } from "../helpers/cluster.js";
import { childrenOf, ROOT } from "../helpers/spawned.js";
import { launchUnchanged, startUnchanged, thirtyClients } from "../helpers/unchanged.js";

const require = createRequire(import.meta.url);

/** An application of two files in a folder of its own, which has a socket.io of its own. */
function withOwnCopy(dir: string): string {
  const copy = join(dir, "node_modules/socket.io");
  cpSync(dirname(require.resolve("socket.io/package.json")), copy, { recursive: true });
  const source = readFileSync(fixture("unchanged/express.mjs"), "utf8");
  cpSync(fixture("unchanged/behave.cjs"), join(dir, "behave.cjs"));
  const file = join(dir, "own-copy.mjs");
  writeFileSync(file, `${source}\nconsole.log("from", import.meta.resolve("socket.io"));\n`);
  return file;
}

t.test("a socket.io of the application's own, and a second one beside it", async (t) => {
  const dir = t.testdir({});
  const file = withOwnCopy(dir);
  const { running, port } = await startUnchanged(t, file);
  await running.says(/from .*own-copy|from file:.*fixtures.*socket\.io/);
  await thirtyClients(t, `http://127.0.0.1:${port}`);

  // One copy by import, another by require, in one process.
  const both = join(dir, "both.mjs");
  writeFileSync(
    both,
    `import { createServer } from "node:http";
    import { createRequire } from "node:module";
    import { Server } from "socket.io";
    import { behave } from "./behave.cjs";
    const outer = createRequire(${JSON.stringify(import.meta.url)})("socket.io");
    if (outer.Server === Server) throw new Error("this is one copy");
    const server = createServer();
    behave(new Server(server, { path: "/a" }));
    behave(new outer.Server(server, { path: "/b" }));
    server.listen(process.env.PORT);`,
  );
  const two = await startUnchanged(t, both);
  await thirtyClients(t, `http://127.0.0.1:${two.port}`, { path: "/a" });
  await thirtyClients(t, `http://127.0.0.1:${two.port}`, { path: "/b" });
});

t.test("options in package.json and in a file; the command line comes first", async (t) => {
  const dir = t.testdir({
    "package.json": JSON.stringify({
      name: "ignored",
      "socket-supervisor": { workers: 1, args: ["of package.json"] },
    }),
    "socket-supervisor.config.js":
      "export default { args: ['of the file'], import: ['./first.mjs'] };",
    "first.mjs": "globalThis.first = 'imported';",
    "app.mjs": `
      import { createServer } from "node:http";
      createServer().listen(process.env.PORT, () => {
        console.log("args", process.argv.slice(2).join(), globalThis.first);
      });`,
  });
  const app = join(dir, "app.mjs");
  const { running } = await startUnchanged(t, app, [], {}, [], dir);
  t.match(running.stdout, "args of the file imported");
  t.match(running.stdout, /app\.mjs: 1 worker on/);
  const other = await startUnchanged(t, app, ["--workers", "2", "--", "-x"], {}, [], dir);
  t.match(other.running.stdout, "args -x imported");
  t.match(other.running.stdout, /app\.mjs: 2 workers on/);
});

t.test("reload, status and stop work as for any cluster", async (t) => {
  const { running, port, name } = await startUnchanged(t, "express.mjs", ["--workers", "2"]);
  const before = await childrenOf(running.child.pid);
  t.match(await cli(t, "reload", "--name", name), { code: 0, stdout: /2 workers replaced/ });
  const after = await childrenOf(running.child.pid);
  t.notOk(after.some((pid) => before.includes(pid)));
  t.match(await fetch(`http://127.0.0.1:${port}/pid`), { status: 200 });
  t.match(await cli(t, "stop", "--name", name), { code: 0 });
  t.strictSame(await running.exit(), { code: 0, signal: null });
});

t.test("close() ends a worker as it ends a plain process; another takes its place", async (t) => {
  const { running, port } = await startUnchanged(t, "closes.mjs", ["--workers", "2"]);
  const answer = await fetch(`http://127.0.0.1:${port}/close`, {
    headers: { connection: "close" },
  });
  const pid = await answer.text();
  await running.says(new RegExp(`closed ${pid} undefined false null`));
  for (;;) {
    const pids = await childrenOf(running.child.pid);
    if (pids.length === 2 && !pids.includes(Number(pid))) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
});

t.test("a file that is run by a loader which the primary was given", async (t) => {
  const tsx = ["--import", join(ROOT, "node_modules/tsx/dist/loader.mjs")];
  const { port } = await startUnchanged(t, "nest.ts", ["--workers", "3"], {}, tsx);
  await thirtyClients(t, `http://127.0.0.1:${port}`);
});

/** A Node that strips types: this one, or that of `npm run test:matrix`. */
function strippingNode(): string | undefined {
  if ((process.features as { typescript?: unknown }).typescript) return process.execPath;
  const binary = join(ROOT, "node_modules/.cache/node-matrix/24/node_modules/node/bin/node");
  return existsSync(binary) ? binary : undefined;
}

const stripping = strippingNode();

t.test(
  "TypeScript by Node's own stripping; what it cannot strip, by a loader",
  {
    skip: stripping === undefined && "needs Node 22.18 or newer: npm run test:matrix -- --node 24",
  },
  async (t) => {
    const { running, port } = await startUnchanged(
      t,
      "nest.ts",
      ["--workers", "3"],
      {},
      [],
      ROOT,
      stripping,
    );
    await thirtyClients(t, `http://127.0.0.1:${port}`);
    t.notMatch(running.stderr, /Error/);

    const dir = t.testdir({
      "enum.ts": `import { createServer } from "node:http";
      enum Answer { first = "by a loader" }
      createServer((_req, res) => res.end(Answer.first)).listen(Number(process.env.PORT));`,
    });
    const file = join(dir, "enum.ts");
    const refused = await launchUnchanged(t, file, ["--workers", "1"], {}, [], ROOT, stripping);
    t.equal((await refused.running.exit()).code, 1);
    t.match(refused.running.stderr, "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX");
    const flags = ["--workers", "1", "--import", "tsx"];
    const loaded = await startUnchanged(t, file, flags, {}, [], ROOT, stripping);
    t.equal(await (await fetch(`http://127.0.0.1:${loaded.port}`)).text(), "by a loader");
  },
);
