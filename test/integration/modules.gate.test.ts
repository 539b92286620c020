import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { connectClient } from "../helpers/clients.js";
import { fixture } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { childrenOf, ROOT, run, type Spawned, start } from "../helpers/spawned.js";

const TSX = join(ROOT, "node_modules/tsx/dist/cli.mjs");

/** A folder as a user has it: files, and the packages in node_modules. */
function project(t: Test, type: "module" | "commonjs", files: Record<string, string>): string {
  const installed = (path: string) => t.fixture("symlink", join(ROOT, path));
  return t.testdir({
    ...files,
    "package.json": JSON.stringify({ name: "modules-test", type }),
    node_modules: {
      "socket-supervisor": installed("."),
      "socket.io": installed("node_modules/socket.io"),
      tsx: installed("node_modules/tsx"),
    },
  });
}

const source = (name: string): string => readFileSync(fixture(`modules/${name}`), "utf8");

/** A client of each kind is served, and by the workers. */
async function serves(t: Test, app: Spawned): Promise<number> {
  const port = Number((await app.says(/^listens on (\d+)$/m))[1]);
  for (const transports of ["polling", "websocket"] as const) {
    const socket = await connectClient(t, port, transports);
    const pid: number = await socket.emitWithAck("pid");
    const [primary] = await childrenOf(app.child.pid);
    const workers = [
      ...(await childrenOf(app.child.pid)), // node app
      ...(await childrenOf(primary)), // tsx app: the primary is its child
    ];
    t.ok(workers.includes(pid), `${transports}: ${pid} is one of ${workers}`);
  }
  t.equal(app.stderr, "", "without a warning");
  return port;
}

for (const [how, type, fixtureName, name] of [
  ["CommonJS as .js", "commonjs", "app.cjs", "app.js"],
  ["CommonJS as .cjs", "module", "app.cjs", "app.cjs"],
  ["an ES module as .mjs", "commonjs", "app.mjs", "app.mjs"],
  ["an ES module as .js", "module", "app.mjs", "app.js"],
] as const) {
  const skip = how === "an ES module as .js" ? false : onlyInGate;
  t.test(`one bootstrap file runs primary and workers: ${how}`, { skip }, async (t) => {
    const cwd = project(t, type, { [name]: source(fixtureName) });
    await serves(t, start(t, process.execPath, [name], {}, cwd));
  });
}

for (const [how, args, env] of [
  ["node --import tsx", ["--import", "tsx", "app.ts"], {}],
  ["NODE_OPTIONS=--import=tsx", ["app.ts"], { NODE_OPTIONS: "--import=tsx" }],
  ["the tsx command", [TSX, "app.ts"], {}],
] as const) {
  const skip = how === "the tsx command" ? false : onlyInGate;
  t.test(`one bootstrap file runs primary and workers: .ts under ${how}`, { skip }, async (t) => {
    const cwd = project(t, "module", { "app.ts": source("app.ts") });
    await serves(t, start(t, process.execPath, [...args], env, cwd));
  });
}

/** The running Node if it takes types out by itself, or one that test:matrix has installed. */
async function nodeWithTypes(): Promise<string | undefined> {
  const installed = ["24", "26", "22"].map((version) =>
    join(ROOT, "node_modules/.cache/node-matrix", version, "node_modules/node/bin/node"),
  );
  for (const node of [process.execPath, ...installed.filter((path) => existsSync(path))]) {
    const { stdout } = await run(node, ["-p", "process.features.typescript"]);
    if (stdout.trim() === "strip") return node;
  }
  return undefined;
}

const typed = await nodeWithTypes();
t.test(
  "one bootstrap file runs primary and workers: .ts with Node's own types",
  {
    skip:
      onlyInGate ||
      (typed === undefined &&
        "this Node strips no types; npm run test:matrix -- --install gets one that does"),
  },
  async (t) => {
    const cwd = project(t, "module", { "app.ts": source("app.ts") });
    const flags = ["--disable-warning=ExperimentalWarning"]; // Node 22 has it on trial
    await serves(t, start(t, typed ?? "", [...flags, "app.ts"], {}, cwd));
  },
);

for (const to of ["the command", "the whole group, as a terminal does"] as const) {
  const skip = onlyInGate;
  t.test(`the tsx command hands on SIGINT to ${to}: the end is in order`, { skip }, async (t) => {
    const cwd = project(t, "module", { "app.ts": source("app.ts") });
    const app = start(t, process.execPath, [TSX, "app.ts"], {}, cwd);
    await serves(t, app);
    process.kill(to === "the command" ? (app.child.pid ?? 0) : -(app.child.pid ?? 0), "SIGINT");
    t.same(await app.exit(), { code: 0, signal: null });
    t.match(app.stdout, "SIGINT: stopping");
    t.notMatch(app.stdout + app.stderr, "again");
  });
}

t.test("hooks, files and limits of the primary's command line are the workers' too", async (t) => {
  const cwd = project(t, "module", {
    "app.mjs": source("app.mjs"),
    "required.cjs": `(globalThis.hooks ??= []).push("required");`,
    "imported.mjs": `(globalThis.hooks ??= []).push("imported");`,
    // Else they would have it from the primary's environment.
    "main.mjs": `import cluster from "node:cluster";
      if (cluster.isPrimary) delete process.env.FROM_ENV_FILE;
      await import("./app.mjs");`,
    ".env": "FROM_ENV_FILE=yes\n",
  });
  const flags = [
    "--require",
    "./required.cjs",
    "--import",
    "./imported.mjs",
    "--env-file=.env",
    "--enable-source-maps",
    "--max-old-space-size=300",
  ];
  const app = start(t, process.execPath, [...flags, "main.mjs"], {}, cwd);
  const socket = await connectClient(t, await serves(t, app), "websocket");
  const { execArgv, heapLimit, ...rest } = await socket.emitWithAck("start");
  t.strictSame(rest, {
    hooks: ["required", "imported"],
    fromEnvFile: "yes",
    sourceMaps: true,
  });
  t.strictSame(execArgv.slice(0, flags.length), flags);
  t.ok(heapLimit > 300e6 && heapLimit < 700e6, `${heapLimit} bytes`);
});
