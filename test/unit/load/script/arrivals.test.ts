import t from "tap";
import { Arrivals, scenarioOf } from "../../../../src/load/script/arrivals.js";

const times = (arrivals: Arrivals): number[] =>
  Array.from({ length: arrivals.count }, (_, n) => Math.round(arrivals.at(n)));

t.test("users come evenly at a steady rate", async (t) => {
  const arrivals = new Arrivals([{ duration: 2, arrivalRate: 2 }]);
  t.equal(arrivals.duration, 2_000);
  t.same(times(arrivals), [250, 750, 1_250, 1_750]);
});

t.test("a pause is a phase in which nobody comes", async (t) => {
  const steady = { duration: 1, arrivalRate: 1 };
  t.same(times(new Arrivals([steady, { duration: 3 }, steady])), [500, 4_500]);
});

t.test("a rate that grows: as many as the area below it, ever closer together", async (t) => {
  const arrivals = new Arrivals([{ duration: 10, arrivalRate: 0, rampTo: 20 }]);
  t.equal(arrivals.count, 100);
  const all = times(arrivals);
  const gaps = all.slice(1).map((time, n) => time - (all[n] ?? 0));
  t.ok(
    gaps.every((gap, n) => n === 0 || gap <= (gaps[n - 1] ?? 0) + 1),
    `${gaps}`,
  );
  const early = all.filter((time) => time < 5_000).length;
  t.ok(Math.abs(early - 25) <= 1, `a quarter of them in the first half: ${early}`);
  t.ok(all.every((time) => time >= 0 && time <= 10_000));
});

t.test("a rate that falls, and phases of it all", async (t) => {
  const phases = [
    { duration: 5, arrivalRate: 10, rampTo: 0 },
    { duration: 5 },
    { duration: 2, arrivalRate: 3 },
  ];
  const arrivals = new Arrivals(phases);
  t.equal(arrivals.count, 31);
  const all = times(arrivals);
  t.same(
    all,
    [...all].sort((a, b) => a - b),
    "in order",
  );
  t.equal(all.filter((time) => time <= 5_000).length, 25);
  t.equal(all.filter((time) => time >= 10_000).length, 6);
});

t.test("scenarios have their share by weight, and the same seed the same ones", async (t) => {
  const scenarios = [
    { weight: 3, flow: [] },
    { weight: 1, flow: [] },
  ];
  const all = Array.from({ length: 4_000 }, (_, n) => scenarioOf(scenarios, 1, n));
  const first = all.filter((index) => index === 0).length;
  t.ok(Math.abs(first - 3_000) < 150, `${first} of 4,000`);
  t.same(
    all.slice(0, 50),
    all.slice(0, 50).map((_, n) => scenarioOf(scenarios, 1, n)),
  );
});
