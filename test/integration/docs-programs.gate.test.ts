// The programs and commands of the pages, as they are written, with the package as npm packs it. What
// is not run here is named in test/unit/docs-code.test.ts, with the test that runs it.
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import { makeServerCertificate, noOpenssl } from "../helpers/certificates.js";
import { connectClient } from "../helpers/clients.js";
import { blocksOf, commandsOf as commandsIn } from "../helpers/docs-code.js";
import { plainNode } from "../helpers/examples.js";
import { type PageApp, pageApp } from "../helpers/pages-app.js";
import { ROOT, run, type Spawned } from "../helpers/spawned.js";

/** The command lines of a page. */
function commandsOf(page: string): string[] {
  return blocksOf(page)
    .filter(({ language }) => language === "sh")
    .flatMap(commandsIn);
}

/** The one that begins so. */
function command(page: string, start: string): string {
  const found = commandsOf(page).find((line) => line.startsWith(start));
  if (found === undefined) throw new Error(`${page} has no command that begins with ${start}`);
  return found;
}

async function endsWell(t: Test, running: Spawned): Promise<void> {
  running.child.kill("SIGTERM");
  t.same(await running.exit(), { code: 0, signal: null });
  t.equal(running.stderr, "");
}

/** What `npx` runs is stopped as the pages say it: npx itself does not hand on every signal. */
async function stops(t: Test, app: PageApp, running: Spawned): Promise<void> {
  await app.run(command("docs/operate.md", "npx socket-supervisor stop"));
  t.same(await running.exit(), { code: 0, signal: null });
}

async function connects(t: Test, { url }: PageApp): Promise<void> {
  t.ok((await connectClient(t, url, "polling")).connected);
}

for (const page of ["docs/errors.md", "docs/proxies.md"]) {
  t.test(`${page}: server.mjs serves clients`, async (t) => {
    const app = await pageApp(t, page);
    const running = await app.ready("node server.mjs");
    await connects(t, app);
    await endsWell(t, running);
  });
}

t.test("docs/errors.md: the code of a port that is taken", async (t) => {
  const app = await pageApp(t, "docs/errors.md");
  const blocker = createServer().listen(app.port);
  await once(blocker, "listening");
  t.teardown(() => blocker.close());
  const running = app.start("node server.mjs");
  t.equal((await running.exit()).code, 1);
  t.match(running.stderr, /^ERR_SUPERVISOR_LISTEN \S/m);
});

t.test("docs/options.md: the error is the one of the comment", async (t) => {
  const app = await pageApp(t, "docs/options.md");
  const [, comment = ""] =
    /^\/\/ OptionError: (.+)$/m.exec(blocksOf("docs/options.md")[0]?.code ?? "") ?? [];
  const running = app.start("node options.mjs");
  t.equal((await running.exit()).code, 1);
  t.ok(comment !== "" && running.stderr.includes(`OptionError: ${comment}`), running.stderr);
});

t.test("docs/observe.md: the status port answers", async (t) => {
  const app = await pageApp(t, "docs/observe.md");
  const status = `http://127.0.0.1:${app.statusPort}`;
  const running = await app.ready("node server.mjs");
  for (const path of ["/", "/status", "/metrics", "/livez", "/readyz"]) {
    t.equal((await fetch(status + path)).status, 200, path);
  }
  await endsWell(t, running);
});

t.test("docs/diagnostics.md: what is subscribed to is told", async (t) => {
  const app = await pageApp(t, "docs/diagnostics.md");
  const running = await app.ready("node server.mjs");
  const [, pid] = /^worker (\d+): starting -> ready$/m.exec(running.stdout) ?? [];
  t.ok(pid, running.stdout);
  await connects(t, app);
  await running.says(/^worker \d+: session \S+ over polling$/m);
  await endsWell(t, running);
});

t.test("docs/run-once.md: each job is in one worker", async (t) => {
  const app = await pageApp(t, "docs/run-once.md");
  const running = await app.ready("node server.mjs");
  const socket = await connectClient(t, app.url);
  await new Promise((resolve) => socket.once("time", resolve));
  const { stdout } = await app.run("npx socket-supervisor status");
  for (const job of ["clock", "orders", "night"]) t.equal(stdout.split(job).length, 2, job);
  await endsWell(t, running);
});

t.test("docs/testing.md: the client, and the test", async (t) => {
  const app = await pageApp(t, "docs/testing.md", ["socket.io-client"]);
  const running = await app.ready("node server.mjs");
  t.equal((await app.run("node client.mjs")).stdout, "[ 'hello' ]\n3\n");
  await endsWell(t, running);
  t.match(
    (await app.run(command("docs/testing.md", "node --test"))).stdout,
    /^# pass 1$|^ℹ pass 1$/m,
  );
});

t.test("docs/deploy.md: a renewed certificate", { skip: noOpenssl }, async (t) => {
  const app = await pageApp(t, "docs/deploy.md");
  await makeServerCertificate(app.dir);
  const running = await app.ready("node server.mjs");
  const options = { rejectUnauthorized: false };
  const socket = await connectClient(t, app.url.replace("http:", "https:"), "websocket", options);
  t.ok(socket.connected);
  await endsWell(t, running);
});

t.test("docs/load.md: its server, and the load test that it shows", async (t) => {
  const page = "docs/load.md";
  const app = await pageApp(t, page, ["socket.io-client"]);
  const running = await app.ready("node server.mjs");
  const { stdout } = await app.run(command(page, "npx socket-supervisor load http://127.0.0.1"));
  const shown = blocksOf(page).find(({ language }) => language === "")?.code ?? "";
  const heads = [...shown.matchAll(/^(\w[\w ]*?)(?: {2}|:)/gm)].map(([, head = ""]) => head);
  t.ok(heads.length > 10, `${heads}`);
  for (const head of heads.filter((head) => head !== "Note")) t.match(stdout, head);
  t.match(stdout, /100 connected, 0 never/);
  await endsWell(t, running);
});

t.test("docs/start.md: its server and its commands", async (t) => {
  const page = "docs/start.md";
  const app = await pageApp(t, page);
  const [first = "", all = ""] = commandsOf(page).filter((line) => / start server/.test(line));
  t.equal(all, `${first} --workers 4`);
  const running = await app.ready(all);
  t.match(await (await fetch(app.url)).text(), /^answered by \d+\n$/);
  for (const name of ["status", "reload"]) {
    const { stdout } = await app.run(command(page, `npx socket-supervisor ${name}`));
    t.match(stdout, name === "status" ? "4 of 4 workers ready" : "4 workers replaced");
  }
  await stops(t, app, running);
  const watching = await app.ready(commandsOf(page).find((line) => line.endsWith("--watch")) ?? "");
  t.match(watching.stdout, ": 1 worker on http://localhost:");
  await stops(t, app, watching);
});

t.test("docs/operate.md: its commands, one after the other", async (t) => {
  // Of the server of docs/load.md, which answers a load test. Here it has the name of its package.json.
  const app = await pageApp(t, "docs/load.md", ["socket.io-client"]);
  await writeFile(join(app.dir, "package.json"), '{ "name": "load-example" }');
  const running = await app.ready("node server.mjs");
  const lines = commandsOf("docs/operate.md");
  t.equal(lines.length, 7);
  for (const line of lines) {
    const { stdout } = await app.run(line);
    t.not(stdout, "", line);
  }
  t.same(await running.exit(), { code: 0, signal: null });
});

t.test("docs/operate.md: help and completions", async (t) => {
  const app = await pageApp(t, "README.md");
  t.match((await app.run("npx socket-supervisor help")).stdout, "Usage: socket-supervisor");
  for (const shell of ["bash", "zsh", "fish"]) {
    t.match(
      (await app.run(`npx socket-supervisor completions ${shell}`)).stdout,
      "socket-supervisor",
    );
  }
});

t.test("README.md: an unchanged server", async (t) => {
  const app = await pageApp(t, "docs/start.md");
  await app.run('cp server.mjs server.js && echo \'{"type":"module"}\' > package.json');
  const running = await app.ready(command("README.md", "npx socket-supervisor start"));
  t.match(await (await fetch(app.url)).text(), /^answered by/);
  await stops(t, app, running);
});

t.test("examples/load/server.js, and the load test that CONTRIBUTING.md has", async (t) => {
  const running = plainNode(t, ["examples/load/server.js"], { PORT: "0", WORKERS: "2" });
  const [, url = ""] = await running.says(/^(http:\S+) is ready: 2 workers$/m);
  const load = commandsOf("CONTRIBUTING.md").find((line) => / load /.test(line)) ?? "";
  const words = load.replace("http://localhost:7001", url).split(/\s+/).slice(2);
  const { stdout } = await run(process.execPath, ["dist/cli.js", ...words], { cwd: ROOT });
  t.match(stdout, /100 connected, 0 never/);
});
