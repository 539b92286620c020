import t from "tap";
import { drainPace, leavingTime } from "../../../src/policy/drain.js";
import { Random } from "../../helpers/random.js";

/** How long it takes to close that many sessions, the first ones at once (ms). */
function duration(sessions: number, timeout: number): number {
  const { tick, batch } = drainPace(sessions, timeout);
  return (Math.ceil(sessions / batch) - 1) * tick;
}

t.test("S2: sessions are spread over the drain time, with a rest for long requests", async (t) => {
  const took = duration(1_000, 30_000);
  t.ok(took > 20_000 && took <= 24_000, `${took} ms of 30,000`);
});

t.test("S2: never all at once, as long as there is time", async (t) => {
  for (const sessions of [2, 10, 100, 1_000, 10_000, 100_000]) {
    const { batch } = drainPace(sessions, 30_000);
    t.ok(batch <= Math.ceil(sessions / 100) || batch === 1, `${batch} of ${sessions} at a time`);
  }
});

t.test("S2: a handful of sessions does not take the whole time", async (t) => {
  t.strictSame(drainPace(4, 30_000), { tick: 250, batch: 1 });
  t.strictSame(drainPace(1, 30_000), { tick: 250, batch: 1 });
});

t.test("S2: without sessions, a pace for those that still open", async (t) => {
  const { tick, batch } = drainPace(0, 30_000);
  t.ok(tick > 0 && Number.isFinite(tick) && batch >= 1);
});

t.test("S2: whatever the numbers, it ends in time and timers can keep the pace", async (t) => {
  const random = new Random();
  const wrong: unknown[] = [];
  for (let round = 0; round < 5_000; round++) {
    const sessions = Math.round(10 ** (random.next() * 5.5));
    const timeout = 10 ** (random.next() * 6);
    const { tick, batch } = drainPace(sessions, timeout);
    const took = duration(sessions, timeout);
    const good =
      Number.isInteger(batch) &&
      batch >= 1 &&
      took <= timeout &&
      (took === 0 || tick >= 19.999) &&
      tick <= Math.max(250, 20 + timeout);
    if (!good) wrong.push({ sessions, timeout, tick, batch, took });
  }
  t.strictSame(wrong, [], `seed ${random.seed}`);
});

t.test("a reload without haste leaves each worker what the options say", async (t) => {
  const most = { drain: 30_000, stop: 10_000 };
  t.strictSame(leavingTime(most, { left: 160_000, outdated: 4, concurrency: 1 }), most);
  t.strictSame(leavingTime(most, { left: 80_000, outdated: 4, concurrency: 2 }), most);
});

t.test("a reload that must be done soon shares its time among those that are to go", async (t) => {
  const most = { drain: 30_000, stop: 10_000 };
  const half = { drain: 15_000, stop: 5_000 };
  t.strictSame(leavingTime(most, { left: 80_000, outdated: 4, concurrency: 1 }), half);
  t.strictSame(leavingTime(most, { left: 20_000, outdated: 1, concurrency: 1 }), half);
  t.strictSame(leavingTime(most, { left: 40_000, outdated: 3, concurrency: 2 }), half);
});

t.test("a worker that goes after the time is over closes its sessions all the same", async (t) => {
  for (const left of [0, -5_000, 10]) {
    const time = leavingTime(
      { drain: 30_000, stop: 10_000 },
      { left, outdated: 3, concurrency: 1 },
    );
    t.ok(time.drain >= 1 && time.drain < 10, `${time.drain}`);
    t.equal(time.stop, 1_000);
  }
  const short = leavingTime({ drain: 30_000, stop: 200 }, { left: 0, outdated: 1, concurrency: 1 });
  t.equal(short.stop, 200, "but never longer than its option says");
});
