import t from "tap";
import { usedCpu } from "../../../bench/cpu.js";
import type { Sample } from "../../../bench/measure.js";
import { spreadOf, summarize } from "../../../bench/report/summary.js";
import { at, fitCost, fitLine, saturation } from "../../../bench/scaling/model.js";
import { measureTable } from "../../../bench/scaling/table.js";

t.test("a spread has the middle, and both ends", async (t) => {
  t.same(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 });
  t.same(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 });
  t.same(spreadOf([Number.NaN, 5]), { median: 5, min: 5, max: 5 }, "a run without it is left out");
  t.ok(Number.isNaN(spreadOf([]).median));
});

t.test("CPU is the scheduler's, split as the ticks say", async (t) => {
  const processes = [
    { pid: 1, role: "primary" },
    { pid: 2, role: "worker" },
    { pid: 3, role: "worker" },
  ] as const;
  const reading = (total: number, userTicks: number, systemTicks: number) => ({
    total,
    userTicks,
    systemTicks,
  });
  const before = new Map([1, 2, 3].map((pid) => [pid, reading(1_000, 10, 10)]));
  const after = new Map([
    [1, reading(1_000, 10, 10)],
    [2, reading(5_000, 13, 11)],
    [3, reading(3_000, 10, 12)],
  ]);
  t.same(usedCpu(processes, before, after), {
    primary: { user: 0, system: 0 },
    worker: { user: 3_000, system: 3_000 },
  });
  after.delete(3);
  t.match(usedCpu(processes, before, after), { worker: { user: 3_000, system: 1_000 } });
});

const sample = (cpu: number, extra: Partial<Sample> = {}): Sample => ({
  ops: 100,
  seconds: 2,
  errors: 0,
  reasons: {},
  facts: {},
  cpu: { worker: { user: cpu, system: 0 } },
  latency: { p50: 1, p99: 2 },
  ...extra,
});

t.test("a ratio is to the plain process in the turn beside it", async (t) => {
  // The machine becomes ten times slower, for both.
  const plain = [sample(10), sample(100), sample(20)];
  const { ratio, cpu, opsPerSecond } = summarize([sample(20), sample(200), sample(60)], plain);
  t.same(ratio, { median: 2, min: 2, max: 3 });
  t.equal(cpu.median, 60);
  t.equal(opsPerSecond.median, 50);
});

t.test("errors and failures of all runs are told", async (t) => {
  const failed = sample(Number.NaN, { errors: 1, reasons: { died: 1 }, failed: "died", cpu: {} });
  const summary = summarize(
    [sample(10, { errors: 2, reasons: { "400": 2 } }), failed],
    [sample(10), sample(10)],
  );
  t.match(summary, { errors: 3, failed: 1, runs: 2, reasons: { "400": 2, died: 1 } });
  t.equal(summary.ratio.median, 1, "a run that failed has no ratio");
});

t.test("a line through points, and where it leads", async (t) => {
  const line = fitLine([
    { x: 1, y: 12 },
    { x: 2, y: 14 },
    { x: 4, y: 18 },
  ]);
  const near = (a: number, b: number) => t.ok(Math.abs(a - b) < 1e-6, `${a} is ${b}`);
  near(line.base, 10);
  near(line.slope, 2);
  near(line.r2, 1);
  near(at(line, 63), 136);
  t.equal(saturation(50), 20_000);
  const falling = [
    { x: 1, y: 30 },
    { x: 2, y: 10 },
  ];
  t.match(fitCost(falling), { base: 20, slope: 0 }, "a cost does not fall for ever");
  t.match(fitLine([{ x: 1, y: 3 }]), { base: 3, slope: 0 });
});

t.test("the session table is measured empty of what is not its own", async (t) => {
  const { bytes, open, lookup } = measureTable(2_000, 2, () => {});
  t.ok(open > 0 && lookup > 0);
  t.type(bytes, "number");
});
