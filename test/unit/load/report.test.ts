import t from "tap";
import { LatencyRecorder, mergedLatency } from "../../../src/load/latency.js";
import { loadOptions } from "../../../src/load/options.js";
import { buildReport, inconsistencies, limitsOf } from "../../../src/load/report.js";
import { progressText, reportText } from "../../../src/load/report-text.js";
import { addCounts, emptyCounts, type GeneratorResult } from "../../../src/load/result.js";
import { broken, thresholds } from "../../../src/load/thresholds.js";

const options = loadOptions("http://localhost:7001", { clients: "3", broadcasts: "1" }, undefined);

function result(pid: number, ...echo: number[]): GeneratorResult {
  const recorder = new LatencyRecorder();
  for (const ms of echo) recorder.record(ms);
  const none = new LatencyRecorder().encode();
  return {
    counts: emptyCounts(),
    latencies: { connect: none, echo: recorder.encode(), fanOut: none, outage: none, lag: none },
    vitals: { pid, cpu: 0.2, delay: 1, rss: 50_000_000 },
  };
}

/** Two processes with all kinds of trouble. */
function results(): [GeneratorResult, GeneratorResult] {
  const [a, b] = [result(1, 1, 2, 3), result(2, 100)];
  a.counts.clients = { connected: 2, never: 0, without: 1, upgraded: 2 };
  b.counts.clients = { connected: 0, never: 1, without: 0, upgraded: 0 };
  a.counts.handshakes = { ok: 3, failed: { "HTTP 400": 1 } };
  b.counts.handshakes = { ok: 0, failed: { "HTTP 400": 2, ECONNREFUSED: 1 } };
  a.counts.http = { handshakes: { 200: 3, 400: 1 }, sessions: { 200: 9, 400: 5, 503: 1 } };
  b.counts.http = { handshakes: { 400: 2 }, sessions: {} };
  a.counts.reconnects = 1;
  a.counts.connectionsLost = { "transport close": 2 };
  a.counts.echo = { sent: 10, answered: 7, lost: 2, inFlight: 1, duplicates: 3, wrong: 4 };
  a.counts.broadcast = {
    sent: 5,
    accepted: 3,
    lost: 2,
    inFlight: 0,
    deliveries: { expected: 6, delivered: 5, lost: 1, inFlight: 0, missed: 8, duplicates: 1 },
  };
  return [a, b];
}

const build = (more: object = {}) =>
  buildReport({
    options,
    measured: 10_000,
    interrupted: false,
    results: results(),
    problems: [],
    sessions: undefined,
    processes: [],
    events: [],
    ...more,
  });

t.test("counts of processes add up, reason by reason", async (t) => {
  const sum = addCounts(results().map(({ counts }) => counts));
  t.same(sum.handshakes, { ok: 3, failed: { "HTTP 400": 3, ECONNREFUSED: 1 } });
  t.same(sum.http.handshakes, { 200: 3, 400: 3 });
  t.same(sum.clients, { connected: 2, never: 1, without: 1, upgraded: 2 });
  t.same(addCounts([]), emptyCounts());
});

t.test("errors, 400s and lost messages are the sums that docs/load.md says", async (t) => {
  const report = build();
  t.equal(report.badRequests, 3 + 5);
  t.equal(report.errors, 4 + 6 + 4 + 3 + 1);
  t.equal(report.lostMessages, 2 + 2 + 1);
  t.equal(report.seconds, 10);
  t.same(inconsistencies(report), []);
});

t.test("sums that do not agree are told", async (t) => {
  const [a, b] = results();
  a.counts.echo.answered--;
  a.counts.clients.connected++;
  a.counts.broadcast.deliveries.lost++;
  const report = build({ results: [a, b] });
  t.same(
    inconsistencies(report).map((text) => text.split(" ")[0]),
    ["clients", "handshakes", "echoes", "deliveries"],
  );
  t.match(reportText(report, []), "echoes do not add up: 10 is not 9");
});

t.test("a generator that died took its clients along: that is no wrong sum", async (t) => {
  const [a] = results();
  const two = { ...options, processes: 2 };
  t.same(inconsistencies(build({ options: two, results: [a] })), []);
});

t.test("latencies are merged over processes, not averaged", async (t) => {
  const { echo } = build().latency;
  t.match(echo, { count: 4, p50: 2 });
  t.ok(Math.abs(echo.max - 100) < 0.1 && Math.abs(echo.p99 - 100) < 0.1);
  const many = new LatencyRecorder();
  for (let ms = 1; ms <= 1_000; ms++) many.record(ms);
  const { p50, p90, p99, p999 } = mergedLatency([many.encode()]);
  for (const [value, expected] of [
    [p50, 500],
    [p90, 900],
    [p99, 990],
    [p999, 999],
  ] as const) {
    t.ok(Math.abs(value - expected) <= expected / 500, `${value}`);
  }
  t.same(mergedLatency([]), { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
});

t.test("a generator that could not keep up is told of", async (t) => {
  const lag = mergedLatency([]);
  const idle = { pid: 9, cpu: 0.5, delay: 3, rss: 0 };
  t.same(limitsOf(idle, lag), []);
  t.match(limitsOf({ ...idle, cpu: 0.97 }, lag)[0], /generator 9 was the limit: it used 97 %/);
  t.match(limitsOf({ ...idle, delay: 80 }, lag)[0], /event loop was 80 ms late/);
  t.match(limitsOf(idle, { ...lag, p99: 70 })[0], /messages left 70 ms late/);
});

t.test("secrets are not in the report", async (t) => {
  const secret = { ...options, auth: { token: "hush" }, headers: { cookie: "hush" }, ca: "hush" };
  t.notMatch(JSON.stringify(build({ options: secret })), /hush/);
});

t.test("thresholds: broken when above, kept when equal", async (t) => {
  const report = build();
  const check = (values: Record<string, string>) => broken(thresholds(values), report);
  t.same(check({}), []);
  t.same(check({ "max-errors": "18", "max-lost": "5", "max-p99": "101" }), []);
  t.match(check({ "max-errors": "17" }), ["18 errors, more than --max-errors 17"]);
  t.match(check({ "max-lost": "4" }), ["5 messages lost, more than --max-lost 4"]);
  t.match(check({ "max-p99": "99.5" }), [/^echo p99 is 100\S* ms, more than --max-p99 99.5$/]);
  t.equal(check({ "max-errors": "0", "max-lost": "0", "max-p99": "1" }).length, 3);
});

t.test("thresholds: nothing measured is not good", async (t) => {
  const empty = build({ results: [result(1)] });
  t.same(broken(thresholds({}), empty), ["no client was ever connected"]);
  t.match(broken(thresholds({ "max-p99": "5" }), empty)[1], /no latency was measured/);
  const problems = ["generator 7 ended (SIGKILL)"];
  t.same(broken(thresholds({}), build({ problems })), problems);
});

t.test("the report has each number, and tells Workers only when it knows", async (t) => {
  const text = reportText(build(), ["too many"]);
  for (const part of [
    "2 connected, 1 never, 1 without connection",
    "3 ok, 4 failed (HTTP 400: 3, ECONNREFUSED: 1)",
    "HTTP 400    8 (handshakes 3, sessions 5)",
    "2 connections (transport close: 2), 1 reconnects",
    "10 sent = 7 answered + 2 lost + 1 in flight",
    "6 expected = 5 delivered + 1 lost + 0 in flight",
    "Failed:\n  too many",
  ]) {
    t.ok(text.includes(part), part);
  }
  t.notMatch(text, "Workers");
  t.match(reportText(build({ sessions: { 11: 2 } }), []), "Workers (by status): 11: 2");
  t.match(reportText(build({ interrupted: true }), []), "(interrupted)");
});

t.test("progress is the sum of the processes", async (t) => {
  const part = {
    connected: 2,
    sent: 10,
    answered: 9,
    errors: 1,
    recent: result(1, 5).latencies.echo,
  };
  t.match(
    progressText([part, part], 3_100),
    /^3 s: 4 clients, 18 of 20 messages answered, 2 errors, p99 5\.0 ms$/,
  );
});
