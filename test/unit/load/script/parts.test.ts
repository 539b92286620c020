import { join } from "node:path";
import t from "tap";
import { LatencyRecorder, mergedLatency } from "../../../../src/load/latency.js";
import { parseCsv, readRows } from "../../../../src/load/script/data.js";
import { Mailbox } from "../../../../src/load/script/mailbox.js";
import { Measures } from "../../../../src/load/script/measures.js";
import { brokenThresholds, scriptReport } from "../../../../src/load/script/result.js";
import { fill, matches, namesIn } from "../../../../src/load/script/template.js";
import { Timeline, timelineCsv } from "../../../../src/load/timeline.js";

t.test("CSV: quotes, commas and lines within them, CRLF, empty lines, a missing end", async (t) => {
  const text = 'name,text\r\nAda,"a ""quoted"", word"\r\n\r\n"Grace","two\nlines"\r\nAlan';
  t.same(parseCsv(text), [
    { name: "Ada", text: 'a "quoted", word' },
    { name: "Grace", text: "two\nlines" },
    { name: "Alan", text: "" },
  ]);
  t.throws(() => parseCsv('a,b\n"x"y,z'), /line 2: text behind a quoted value/);
});

t.test("files that cannot be read are told by their name", async (t) => {
  const dir = t.testdir({
    "a.json": "[1]",
    "b.json": "{",
    "c.csv": "name\n",
    "d.json": '[{"a":1}]',
  });
  for (const [file, message] of [
    ["a.json", "a JSON array of objects"],
    ["b.json", "a file that can be read"],
    ["c.csv", "at least one row"],
    ["none.csv", "ENOENT"],
  ] as const) {
    t.throws(() => readRows(join(dir, file), "data"), {
      message: new RegExp(`Option "data" must be .*${message}`),
    });
  }
  t.same(readRows(join(dir, "d.json"), "data"), [{ a: 1 }]);
});

t.test(
  "variables: whole values keep their type, in texts they are text, paths go into them",
  async (t) => {
    const variables = new Map<string, unknown>([
      ["n", 3],
      ["reply", { room: { name: "lobby" }, list: [1] }],
    ]);
    t.same(fill({ a: "{{ n }}", b: ["{{n}} of {{ reply.room.name }}"], c: true }, variables), {
      a: 3,
      b: ["3 of lobby"],
      c: true,
    });
    t.equal(fill("{{ reply.none.deeper }}", variables), undefined);
    t.equal(fill("{{ reply.constructor }}", variables), undefined, "nothing inherited");
    t.same(namesIn({ a: ["{{ x }} {{ y.z }}"], b: 5 }), ["x", "y.z"]);
  },
);

t.test("what is expected may be a part", async (t) => {
  t.ok(matches({ ok: true, more: 1 }, { ok: true }));
  t.notOk(matches({ ok: false }, { ok: true }));
  t.notOk(matches(null, { ok: true }));
  t.ok(matches([{ a: 1, b: 2 }], [{ a: 1 }]));
  t.notOk(matches([1, 2], [1]));
  t.ok(matches("anything", undefined));
});

t.test("a user finds what has come since it last sent, in order, each once", async (t) => {
  const box = new Mailbox();
  box.receive("a", 1);
  box.clear();
  box.receive("a", 2);
  box.receive("b", 3);
  box.receive("a", 4);
  t.equal(await box.take("a", 4).found, 4, "that which was expected");
  const late = box.take("a");
  let found: unknown;
  late.found.then((value) => {
    found = value;
  });
  await Promise.resolve();
  t.equal(found, undefined, "what came before what was found is gone");
  box.receive("a", 5);
  t.equal(await late.found, 5);
  const left = box.take("a");
  left.cancel();
  box.receive("a", 6);
  t.equal(await box.take("a").found, 6, "who does not wait any more takes nothing");
});

t.test("measures of too many names are one", async (t) => {
  const measures = new Measures();
  for (let n = 0; n < 500; n++) measures.record(`ack ${n}`, 1);
  const all = measures.encode();
  t.ok(Object.keys(all).length <= 201, `${Object.keys(all).length} names`);
  t.equal(mergedLatency([all["(others)"] ?? ""]).count, 300);
});

t.test("thresholds of a script: kept, broken, and of what was never measured", async (t) => {
  const measures = new Measures();
  for (const ms of [1, 2, 300]) measures.record("ack say", ms);
  const users = { arrived: 3, done: 1, failed: { why: 2 }, skipped: 0, unfinished: 0 };
  const one = { users, measures: measures.encode() };
  const report = scriptReport([one, one]);
  if (report === undefined) throw new Error("no report");
  t.match(report.users, { arrived: 6, done: 2, failed: { why: 4 } });
  t.equal(report.measures["ack say"]?.count, 6);
  const sums = { errors: 4, lost: 0, connect: mergedLatency([]) };
  const broken = (thresholds: Parameters<typeof brokenThresholds>[0]) =>
    brokenThresholds(thresholds, report, sums);
  t.same(broken({ errors: 4, lost: 0, "ack say": { max: 301, p50: 5 } }), []);
  t.match(broken({ errors: 3 }), ["4 errors, more than the script's threshold 3"]);
  t.match(broken({ "ack say": { p99: 100 } }), [/^ack say: p99 is 300\S* ms, more than the/]);
  t.match(broken({ "ack sya": { p99: 100 } }), [
    /"ack sya", which was not measured \(but .*ack say/,
  ]);
  t.match(broken({ constructor: { p99: 1 } }), [/not measured/]);
});

t.test("a timeline has what happened in each second, late generators included", async (t) => {
  const recorder = new LatencyRecorder();
  recorder.record(5);
  const recent = recorder.encode();
  const none = new LatencyRecorder().encode();
  const timeline = new Timeline();
  timeline.add([{ pid: 1, connected: 2, sent: 10, answered: 9, errors: 0, recent }], 1_000);
  timeline.add([{ pid: 2, connected: 1, sent: 4, answered: 4, errors: 1, recent: none }], 2_000);
  t.match(timeline.moments, [
    { at: 1, connected: 2, sent: 10, answered: 9, errors: 0 },
    { at: 2, connected: 3, sent: 4, answered: 4, errors: 1, p50: null, p99: null },
  ]);
  t.equal(timelineCsv(timeline.moments).split("\n")[2], "2,3,4,4,1,,");
});
