import t from "tap";
import { drainPace } from "../../../src/policy/drain.js";
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
