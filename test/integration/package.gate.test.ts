import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import t from "tap";
import { onlyInGate } from "../helpers/gate.js";
import { ROOT, run } from "../helpers/spawned.js";

t.test("npm pack lists what users need, and nothing else", async (t) => {
  const { stdout } = await run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
  });
  const listed = JSON.parse(stdout) as unknown;
  const [pack] = (Array.isArray(listed) ? listed : Object.values(listed as object)) as {
    files: { path: string }[];
  }[];
  const paths = pack?.files.map(({ path }) => path) ?? [];
  const expected =
    /^(package\.json|LICENSE|(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md|bootstrap\.ts|ecosystem\.config\.js|dist\/[\w/-]+\.(js|d\.ts)|docs\/.+\.md|bench\/(README\.md|results\/[\w.-]+)|examples\/(?!.*\bdist\/).+)$/;
  t.same(
    paths.filter((path) => !expected.test(path)),
    [],
  );
  const entries = ["dist/index.js", "dist/index.d.ts", "dist/app/index.js", "dist/app/index.d.ts"];
  for (const path of [...entries, "README.md", "LICENSE"]) {
    t.ok(paths.includes(path), path);
  }
  // What a page refers to, and what the CLI's help refers to, has to be there too.
  const pages = paths.filter((path) => path.endsWith(".md"));
  for (const page of pages) {
    const text = readFileSync(join(ROOT, page), "utf8").replace(/^```[\s\S]*?^```$/gm, "");
    const links = [...text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)].map(([, link = ""]) => link);
    const targets = links.map((link) => join(dirname(page), link).replace(/\/$/, ""));
    const missing = targets.filter(
      (target) => !paths.some((path) => path === target || path.startsWith(`${target}/`)),
    );
    t.same(missing, [], page);
  }
  const help = await run(process.execPath, ["dist/cli.js", "load", "--help"], { cwd: ROOT });
  const [named = ""] = /docs\/[\w-]+\.md/.exec(help.stdout) ?? [];
  t.ok(paths.includes(named), `the help of the CLI refers to ${named}`);
});

t.test("publint and attw find nothing", { skip: onlyInGate }, async (t) => {
  t.setTimeout(90_000);
  const { stdout } = await run("npm", ["run", "check:package"], {
    cwd: ROOT,
    // npm pack would build, under the feet of the other tests.
    env: { ...process.env, npm_config_ignore_scripts: "true" },
  });
  t.match(stdout, /No problems found/);
});

const NAMES = {
  "socket-supervisor": [
    "ClusterManager",
    "ERROR_CODES",
    "OptionError",
    "RestartLimitError",
    "SupervisorError",
    "WorkerBootError",
    "answerLoadTest",
    "runOnce",
    "setupStickyMaster",
    "setupWorker",
  ],
  "socket-supervisor/app": [
    "Context",
    "EventError",
    "OnWSConnection",
    "OnWSDisConnection",
    "OnWSMessage",
    "WSBroadCast",
    "WSController",
    "WSEmit",
    "createSocketApp",
    "currentContext",
    "defineEvents",
    "typed",
  ],
  "socket-supervisor/testing": ["TestClientError", "createSocketIOClient", "startTestCluster"],
};

for (const [entry, names] of Object.entries(NAMES)) {
  t.test(`import and require() give the same module: ${entry}`, async (t) => {
    const script = `
    const required = require("${entry}");
    import("${entry}").then((imported) => {
      console.log(JSON.stringify({
        names: Object.keys(imported).sort(),
        same: Object.keys(imported).every((name) => imported[name] === required[name]),
      }));
    });`;
    const { stdout, stderr } = await run(process.execPath, ["--no-warnings", "-e", script], {
      cwd: ROOT,
    });
    t.equal(stderr, "");
    t.same(JSON.parse(stdout), { names, same: true });
  });
}

t.test("the README's three lines type-check against the package's declarations", async (t) => {
  const dir = await mkdtemp(join(ROOT, "node_modules", ".types-"));
  t.teardown(() => rm(dir, { recursive: true }));
  await writeFile(
    join(dir, "use.mts"),
    `import { once } from "node:events";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { ClusterManager, runOnce, setupStickyMaster, setupWorker, type ClusterStatus } from "socket-supervisor";
import { startTestCluster } from "socket-supervisor/testing";
const manager = new ClusterManager({ port: 7001, count: 4, stickyLoadBalancingMethod: "least-connection" });
setupStickyMaster(createServer(), { loadBalancingMethod: "round-robin" });
const status: ClusterStatus = manager.status();
manager.on("worker:exit", (worker, exit) => console.log(worker.id, exit.signal, status.sessions));
await setupWorker(new Server(createServer()));
await using job = runOnce("cleanup", async ({ name, signal }) => () => console.log(name, signal.aborted));
console.log(job.leading);
await using cluster = await startTestCluster({ worker: new URL("worker.js", import.meta.url), count: 2 });
await using client = await cluster.client({ namespace: "/chat", auth: { token: "a" } });
const [message] = await once(client, "message");
const sum: number = await client.sendWithAck("add", 1, message);
console.log(sum);
// @ts-expect-error a free port is taken
await startTestCluster({ worker: "worker.js", port: 7001 });
// @ts-expect-error not a method
new ClusterManager({ stickyLoadBalancingMethod: "fastest" });
// @ts-expect-error a number
new ClusterManager({ count: "4" });
`,
  );
  await run(
    join(ROOT, "node_modules/.bin/tsc"),
    [
      "--ignoreConfig",
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2023",
      join(dir, "use.mts"),
    ],
    { cwd: dir },
  );
  t.pass("tsc accepts it");
});

t.test("the application's fetch() is not touched", async (t) => {
  // Node 26 sets its own dispatcher when "node:http" is loaded.
  const code = `await import("node:http");
    const dispatchers = () => Object.getOwnPropertySymbols(globalThis)
      .filter((symbol) => String(symbol).includes("undici"))
      .map((symbol) => globalThis[symbol]);
    const before = dispatchers();
    await import("socket-supervisor");
    const after = dispatchers();
    console.log(before.length === after.length && after.every((one, n) => one === before[n]));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code], {
    cwd: ROOT,
  });
  t.equal(stdout.trim(), "true", "no dispatcher was set");
});
