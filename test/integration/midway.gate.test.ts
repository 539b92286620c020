import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { checkApplication } from "../helpers/application-checks.js";
import { plainNode, startApplication } from "../helpers/examples.js";
import { ROOT, run } from "../helpers/spawned.js";

const COUNT = 2;

// As Midway's documentation has it, with its imports on one line.
const BOOTSTRAP = `
const { Bootstrap, ClusterManager, setupStickyMaster } = require('@midwayjs/bootstrap');
const http = require('http');

const clusterManager = new ClusterManager({
  exec: __filename,
  count: Number(process.env.WORKERS),
  sticky: true,
});

if (clusterManager.isPrimary()) {
  const httpServer = http.createServer();
  setupStickyMaster(httpServer);

  clusterManager.start().then(() => {
    httpServer.listen(Number(process.env.PORT), () => {
      console.log('http://localhost:' + httpServer.address().port + ' is ready');
    });
  });

  clusterManager.onStop(async () => {
    await httpServer.close();
  });
} else {
  Bootstrap
    .run()
    .then(() => {
      console.log('child is ready');
    });
}
`;

const EXCHANGED = BOOTSTRAP.replace(
  "const { Bootstrap, ClusterManager, setupStickyMaster } = require('@midwayjs/bootstrap');",
  "const { Bootstrap } = require('@midwayjs/bootstrap');\n" +
    "const { ClusterManager, setupStickyMaster } = require('socket-supervisor');",
);

/** An installed Midway application in CommonJS: the example's, with changes to its sources. */
async function midway(
  t: Test,
  bootstrap: string,
  edit: (path: string, text: string) => string = (_path, text) => text,
): Promise<string> {
  const folder = t.testdir({
    "package.json": JSON.stringify({ name: "midway-application", type: "commonjs" }),
    "bootstrap.js": bootstrap,
    node_modules: { "socket-supervisor": t.fixture("symlink", ROOT) },
  });
  cpSync(join(ROOT, "examples/midway/src"), join(folder, "src"), { recursive: true });
  cpSync(join(ROOT, "examples/midway/tsconfig.json"), join(folder, "tsconfig.json"));
  for (const path of ["src/configuration.ts", "src/config/config.default.ts"]) {
    const text = readFileSync(join(folder, path), "utf8");
    writeFileSync(join(folder, path), edit(path, text));
  }
  await run("npx", ["tsc", "-p", folder], { cwd: ROOT });
  return folder;
}

t.test("Midway's documented bootstrap works with the import exchanged, in CommonJS", async (t) => {
  t.not(EXCHANGED, BOOTSTRAP);
  const folder = await midway(t, EXCHANGED);
  const application = await startApplication(t, ["bootstrap.js"], COUNT, folder);
  t.match(application.running.stdout, "child is ready");
  await checkApplication(t, application);
});

t.test("so does one that sets its workers up by itself: they are set up once", async (t) => {
  const folder = await midway(t, EXCHANGED, (path, text) =>
    path === "src/configuration.ts"
      ? text
          .replace("import { Configuration }", "import { App, Configuration }")
          .replace(/^/, 'import { setupWorker } from "socket-supervisor";\n')
          .replace(
            "class MainConfiguration {",
            'class MainConfiguration {\n@App("socketIO") io!: socketio.Application;\n' +
              "async onServerReady() { await setupWorker(this.io, { watchdog: false }); }\n",
          )
      : text,
  );
  t.match(readFileSync(join(folder, "dist/configuration.js"), "utf8"), "onServerReady");
  await checkApplication(t, await startApplication(t, ["bootstrap.js"], COUNT, folder));
});

t.test("a port in the configuration is refused, with the reason", async (t) => {
  const folder = await midway(t, EXCHANGED, (path, text) =>
    path === "src/config/config.default.ts"
      ? text.replace("koa = {}", "koa = { port: 45871 }")
      : text,
  );
  const refused = plainNode(t, ["bootstrap.js"], { PORT: "0", WORKERS: "2" }, folder);
  t.same(await refused.exit(), { code: 1, signal: null });
  t.match(refused.stderr, "exited with code 1 before it was ready");
  t.match(refused.stderr, "ERR_SUPERVISOR_LISTENING");
  t.match(refused.stderr, "with Midway configure no port");
});
