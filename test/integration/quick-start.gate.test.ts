// The README's quick start as it is written, with the package as npm packs it.
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import t from "tap";
import { connectClient } from "../helpers/clients.js";
import { plainNode } from "../helpers/examples.js";
import { installed } from "../helpers/installed.js";
import { ROOT } from "../helpers/spawned.js";

const readme = readFileSync(join(ROOT, "README.md"), "utf8");
const [, section = ""] = readme.split("## Quick start\n");
const block = (language: string, index = 0): string =>
  [...section.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))][
    index
  ]?.[1] ?? "";

const dir = await installed(t);

/** The port of the text is taken, by whatever runs on this machine: another one will do. */
function onFreePort(code: string): string {
  t.match(code, "port: 7001");
  return code.replace("port: 7001", "port: 0");
}

t.test("its commands and its file are there", async (t) => {
  t.equal(block("sh"), "npm install socket-supervisor socket.io\n");
  t.equal(block("sh", 1), "node server.mjs\n");
  t.ok(block("js").trim().split("\n").length <= 14, "about ten lines");
});

t.test("server.mjs prints what the README says, and two tabs greet each other", async (t) => {
  await writeFile(join(dir, "server.mjs"), onFreePort(block("js")));
  const running = plainNode(t, ["server.mjs"], {}, dir);
  const [, says] = /when both are ready:\n\n```\n(.*)\n```/.exec(section) ?? [];
  t.equal(says, "http://localhost:7001 is ready: 2 workers");
  await running.says(/^http.* is ready.*\n/m);
  const [, url = "", ready] = /^(http\S+)( is ready: .*)$/m.exec(running.stdout) ?? [];
  t.equal(ready, " is ready: 2 workers");
  const page = await fetch(url);
  t.match(page.headers.get("content-type"), "text/html");
  t.match(await page.text(), '<script src="/socket.io/socket.io.js">');
  t.equal((await fetch(`${url}/socket.io/socket.io.js`)).status, 200);
  const tabs = [await connectClient(t, url), await connectClient(t, url)];
  const heard = tabs.map(
    (tab) =>
      new Promise<string[]>((resolve) => {
        const lines: string[] = [];
        tab.on("hello", (line) => lines.push(line) === 2 && resolve(lines));
      }),
  );
  for (const tab of tabs) tab.emit("hello");
  const [one = [], two = []] = await Promise.all(heard);
  t.same([...one].sort(), [...two].sort(), "both tabs get both greetings");
  t.not(one[0]?.split("worker ")[1], one[1]?.split("worker ")[1], "from two workers");
  running.child.kill("SIGTERM");
  t.same(await running.exit(), { code: 0, signal: null });
  t.equal(running.stderr, "");
});

t.test("the CommonJS variant answers", async (t) => {
  await writeFile(join(dir, "server.cjs"), onFreePort(block("js", 1)));
  const running = plainNode(t, ["server.cjs"], {}, dir);
  const [, url = ""] = await running.says(/^(http:\S+) is ready: 2 workers\n/m);
  t.match(await (await fetch(url)).text(), /^worker \d+$/);
});

t.test("a port that is taken ends it, with what to do", async (t) => {
  const blocker = createServer().listen(0);
  await new Promise((resolve) => blocker.once("listening", resolve));
  t.teardown(() => blocker.close());
  const { port } = blocker.address() as { port: number };
  await writeFile(join(dir, "server.mjs"), block("js").replace("port: 7001", `port: ${port}`));
  const running = plainNode(t, ["server.mjs"], {}, dir);
  t.equal((await running.exit()).code, 1);
  t.match(
    running.stderr,
    `*:${port} is in use by another process. Stop it, or choose another port.`,
  );
});
