import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { load, loadReport } from "../helpers/load.js";
import { freePort } from "../helpers/proxies.js";
import { ROOT, start } from "../helpers/spawned.js";

t.setTimeout(120_000);

/** The chat, as README starts it. */
async function startChat(t: Parameters<typeof start>[0]): Promise<string> {
  const port = await freePort();
  const env = { PORT: String(port), HOST: "127.0.0.1", WORKERS: "2" };
  const chat = start(t, process.execPath, [join(ROOT, "bootstrap.js")], env);
  await chat.says(/ is ready: 2 workers/);
  return `http://127.0.0.1:${port}`;
}

/** The example's script, shorter. */
async function shortScript(dir: string): Promise<string> {
  const { default: script } = await import(join(ROOT, "examples/chat/load.js"));
  const phases = [{ duration: 2, arrivalRate: 4 }];
  const file = join(dir, "script.json");
  const { scenarios, thresholds } = script;
  const data = join(ROOT, "examples/chat/load-users.csv");
  writeFileSync(file, JSON.stringify({ scenarios: [scenarios[0]], thresholds, phases, data }));
  return file;
}

t.test("the chat's script is played against the chat", async (t) => {
  const url = await startChat(t);
  const script = join(ROOT, "examples/chat/load.js");
  const dir = t.testdir({});
  const [html, csv] = [join(dir, "report.html"), join(dir, "report.csv")];
  const args = ["--script", script, "--html", html, "--csv", csv, "--grace", "20"];
  const { report, code } = await loadReport(t, url, ...args, "--max-lost", "0");
  t.equal(report.errors, 0);
  t.match(report.script?.users, { arrived: 70, done: 70, failed: {}, unfinished: 0, skipped: 0 });
  const measures = report.script?.measures ?? {};
  t.same(Object.keys(measures), ["ack join", "ack say", "ack who", "wait message", "wait welcome"]);
  t.equal(measures["ack say"]?.count, measures["wait message"]?.count);
  t.match(report.clients, { connected: 70, never: 0 });
  t.equal(code, report.failures.length === 0 ? 0 : 1);

  const page = readFileSync(html, "utf8");
  t.match(page, "uPlot");
  t.match(page, /70 came = 70 did all/);
  t.notMatch(page, /(?:src|href)="(?!data:)/, "it needs no other file");
  const [head, ...rows] = readFileSync(csv, "utf8").trim().split("\n");
  t.equal(head, "at,connected,sent,answered,errors,p50,p99");
  t.equal(rows.length, report.timeline.length);
  t.ok(rows.length >= 15, `${rows.length} seconds`);
});

t.test("users that cannot go on are told apart by why, over several processes", async (t) => {
  const url = await startChat(t);
  const file = join(t.testdir({}), "script.mjs");
  writeFileSync(
    file,
    `export default {
      phases: [{ duration: 1, arrivalRate: 12 }],
      timeout: 1,
      maxUsers: 100,
      thresholds: { errors: 3, "ack join": { max: 60_000 } },
      data: [{ kind: "silent" }, { kind: "wrong" }, { kind: "broken" }],
      scenarios: [{ flow: async (user) => {
        const { kind } = user.data;
        if (kind === "silent") await user.wait("nothing");
        if (kind === "broken") throw new TypeError("of the flow's own");
        await user.ask("join", { name: "x", room: "y" });
        user.emit("say", "hello");
        await user.wait("message", { expect: { text: "never said" }, timeout: 0.5 });
      } }],
    };`,
  );
  const { report, code } = await loadReport(t, url, "--script", file, "--processes", "2");
  t.equal(code, 1);
  t.same(report.script?.users, {
    arrived: 12,
    done: 0,
    skipped: 0,
    unfinished: 0,
    failed: {
      'no "nothing" within 1 s': 4,
      "TypeError: of the flow's own": 4,
      'no "message" within 0.5 s': 4,
    },
  });
  t.match(report.failures, [/^12 errors, more than the script's threshold 3$/]);
});

t.test("a script's data, in JSON; what is over the limit does not come", async (t) => {
  const url = await startChat(t);
  const file = await shortScript(t.testdir({}));
  const script = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...script, maxUsers: 1 }));
  const { report, code } = await loadReport(t, url, "--script", file, "--grace", "20");
  const { arrived, done, skipped } = report.script?.users ?? {};
  t.same([arrived, code], [8, 0]);
  t.ok(skipped !== undefined && skipped > 0 && done === 8 - skipped, `${skipped} skipped`);
  t.match(report.warnings, [/users did not come, since as many as maxUsers were there/]);
});

t.test("what is wrong with a script is said before anybody connects", async (t) => {
  const dir = t.testdir({
    "typo.json": JSON.stringify({ phases: [{ duration: 1, arivalRate: 1 }], scenarios: [] }),
    "broken.mjs": "export default {",
  });
  const url = `http://127.0.0.1:${await freePort()}`;
  for (const [args, message] of [
    [["--script", join(dir, "typo.json")], /phases\[0\] has no option "arivalRate".*"arrivalRate"/],
    [["--script", join(dir, "broken.mjs")], /"--script" must be .* default export is a script/],
    [["--script", join(dir, "none.json")], /ENOENT/],
    [["--script", "x.json", "--clients", "5"], /"--clients" must be left out with --script/],
    [["--html", join(dir, "no/such/folder.html")], /"--html" must be a file to write/],
  ] as const) {
    const { code, stderr } = await load(t, url, ...args);
    t.equal(code, 1);
    t.match(stderr, message);
    t.notMatch(stderr, /\n\s+at /, "no stack");
  }
});
