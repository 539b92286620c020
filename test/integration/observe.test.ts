import { request } from "node:http";
import t from "tap";
import type { ClusterStatus } from "../../src/index.js";
import { METRICS } from "../../src/primary/observe/metric-table.js";
import { connectClient } from "../helpers/clients.js";
import { onlyInGate } from "../helpers/gate.js";
import { childrenOf } from "../helpers/spawned.js";
import { launchUnchanged, startUnchanged } from "../helpers/unchanged.js";

const FLAGS = ["--workers", "2", "--status-port", "0"];

/** The values of a metric by its labels, as Prometheus would read them. */
function valuesOf(text: string, name: string): Map<string, number> {
  const lines = text.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)$`, "gm"));
  return new Map([...lines].map(([, labels = "", value]) => [labels, Number(value)]));
}

t.test("what monitors and people ask", async (t) => {
  const { running, port } = await startUnchanged(t, "measured.mjs", FLAGS);
  const [, base = ""] = await running.says(/status at (http:\S+)\//);
  const get = (path: string) => fetch(base + path);
  for (const path of ["/livez", "/readyz"]) t.equal((await get(path)).status, 200, path);

  await connectClient(t, port, "websocket");
  for (let n = 0; n < 6; n++) {
    await fetch(`http://127.0.0.1:${port}/page`, { headers: { connection: "close" } });
  }
  const status = (await (await get("/status")).json()) as ClusterStatus;
  t.match(status, { phase: "running", count: 2 });

  const answer = await get("/metrics");
  t.match(answer.headers.get("content-type"), /^text\/plain; version=0\.0\.4/);
  const text = await answer.text();
  const ours = new Set([...text.matchAll(/^# TYPE (socket_supervisor_\w+) /gm)].map(([, n]) => n));
  // Without connectionStateRecovery there is nothing to tell of it.
  const wanted = Object.keys(METRICS).filter((name) => !/_recover(y|ies)_/.test(name));
  t.strictSame([...ours].sort(), wanted.sort(), "all that the table has, no more");
  t.equal(valuesOf(text, "socket_supervisor_workers").get('state="ready"'), 2);
  const sessions = valuesOf(text, "socket_supervisor_sessions");
  t.strictSame([...sessions.keys()], ['worker="1"', 'worker="2"']);
  t.equal(valuesOf(text, "socket_supervisor_workers_unscraped").get(""), 0);
  const handoffs = [...valuesOf(text, "socket_supervisor_handoffs_total").values()];
  t.ok(handoffs.reduce((sum, count) => sum + count, 0) >= 7, `the connections above: ${handoffs}`);
  const taken = valuesOf(text, "socket_supervisor_handoff_duration_seconds_count").get("") ?? 0;
  t.ok(taken >= 7, `${taken} hand-offs were measured`);
  const within = valuesOf(text, "socket_supervisor_handoff_duration_seconds_bucket");
  t.equal(within.get('le="+Inf"'), taken);
  const all = valuesOf(text, "socket_supervisor_resident_memory_bytes").get("") ?? 0;
  t.ok(all > 3e7, `${all} bytes of three processes`);
  for (const name of ["worker", "primary"]) {
    for (const [, value] of valuesOf(text, `socket_supervisor_${name}_resident_memory_bytes`)) {
      t.ok(value > 1e7, `${name}: ${value} bytes`);
    }
  }
  t.equal(valuesOf(text, "app_requests_total").get('path="/page"'), 6, "of all workers");
  t.equal(valuesOf(text, "app_workers").get(""), 2);
  const pids = status.workers.map(({ pid }) => pid ?? 0);
  t.equal(valuesOf(text, "app_pid_max").get(""), Math.max(...pids));

  const [victim = 0] = await childrenOf(running.child.pid);
  process.kill(victim, "SIGKILL");
  for (;;) {
    const now = await (await get("/metrics")).text();
    if (valuesOf(now, "socket_supervisor_worker_exits_total").get('reason="signal"') !== 1)
      continue;
    t.equal(valuesOf(now, "socket_supervisor_worker_restarts_total").get('reason="signal"'), 1);
    break;
  }
  await running.writes(new RegExp(`worker ${victim} was ended by SIGKILL .*; the next one starts`));
  t.notMatch(running.stdout, `worker ${victim} was ended`, "its end is told once");
});

t.test("it is read-only, and for this machine", async (t) => {
  const { running } = await startUnchanged(t, "plain-http.mjs", FLAGS);
  const [, base = ""] = await running.says(/status at (http:\S+)\//);
  t.match(base, /^http:\/\/127\.0\.0\.1:/);
  t.equal((await fetch(`${base}/status`, { method: "POST" })).status, 405);
  t.equal((await fetch(`${base}/nothing`)).status, 404);
  const askedAs = (host: string, path: string) =>
    new Promise((resolve, reject) => {
      request(base + path, { headers: { host } }, (res) => resolve(res.resume().statusCode))
        .once("error", reject)
        .end();
    });
  t.equal(await askedAs("evil.example", "/status"), 403, "DNS rebinding");
  t.equal(await askedAs("evil.example", "/readyz"), 200, "a probe may call it as it likes");
  t.equal(await askedAs("localhost:1", "/status"), 200);
});

t.test("with a token", { skip: onlyInGate }, async (t) => {
  const dir = t.testdir({
    "options.json": JSON.stringify({ statusHost: "0.0.0.0", statusToken: "s3 cret" }),
    "bad.json": JSON.stringify({ statusHost: "0.0.0.0" }),
  });
  const flags = [...FLAGS, "--config"];
  const bad = await launchUnchanged(t, "plain-http.mjs", [...flags, `${dir}/bad.json`]);
  t.equal((await bad.running.exit()).code, 1);
  t.match(
    bad.running.stderr,
    /"statusHost" must be a loopback address, unless there is a statusTok/,
  );

  const { running } = await startUnchanged(t, "plain-http.mjs", [...flags, `${dir}/options.json`]);
  const [, port] = await running.says(/status at http:\/\/0\.0\.0\.0:(\d+)\//);
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers, redirect: "manual" });
  t.equal((await get("/livez")).status, 200);
  t.equal((await get("/readyz")).status, 200);
  for (const path of ["/", "/status", "/metrics", "/events", "/?token=wrong"]) {
    t.equal((await get(path)).status, 401, path);
  }
  t.equal((await get("/metrics", { authorization: "Bearer wrong" })).status, 401);
  t.equal((await get("/metrics", { authorization: "Bearer s3 cret" })).status, 200);
  const login = await get("/?token=s3%20cret");
  t.equal(login.status, 303);
  const cookie = login.headers.get("set-cookie") ?? "";
  t.match(cookie, /HttpOnly; SameSite=Strict/);
  t.equal((await get("/", { cookie: cookie.split(";")[0] ?? "" })).status, 200);
});

t.test("a worker that hangs is missing in the metrics, and nothing else is", async (t) => {
  const { running, port } = await startUnchanged(t, "measured.mjs", FLAGS);
  const [, base = ""] = await running.says(/status at (http:\S+)\//);
  fetch(`http://127.0.0.1:${port}/hang`).catch(() => {}); // never answered
  const begin = performance.now();
  for (;;) {
    const text = await (await fetch(`${base}/metrics`)).text();
    if (valuesOf(text, "socket_supervisor_workers_unscraped").get("") !== 1) {
      if (performance.now() - begin > 20_000) throw new Error("it never hung");
      continue;
    }
    t.equal(valuesOf(text, "app_workers").get(""), 1);
    break;
  }
});

t.test(
  "a port that is in use does not keep the cluster from serving",
  { skip: onlyInGate },
  async (t) => {
    const first = await startUnchanged(t, "plain-http.mjs", FLAGS);
    const [, port = ""] = await first.running.says(/status at http:\S+:(\d+)\//);
    const second = await startUnchanged(t, "plain-http.mjs", [
      "--workers",
      "1",
      "--status-port",
      port,
    ]);
    t.match(second.running.stderr, /no status port: listen EADDRINUSE/);
    t.equal((await fetch(`http://127.0.0.1:${second.port}`)).status, 200);
  },
);
