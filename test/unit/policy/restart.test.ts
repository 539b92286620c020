import t from "tap";
import {
  type Backoff,
  failuresInARow,
  NO_DEATHS,
  type RestartPolicy,
  recordDeath,
  restartDelay,
} from "../../../src/policy/restart.js";
import { Random } from "../../helpers/random.js";

/** The defaults of the options. */
const BACKOFF: Backoff = { initial: 100, max: 2_000, forgetAfter: 10_000 };

/** Records deaths at these times; tells after which ones to give up. */
function giveUps(policy: RestartPolicy, times: readonly number[]): boolean[] {
  let window = NO_DEATHS;
  return times.map((now) => {
    const result = recordDeath(window, now, policy);
    window = result.window;
    return result.giveUp;
  });
}

t.test("S3: `limit` deaths are allowed, one more is not", async (t) => {
  const policy = { limit: 3, duration: 1_000 };
  t.strictSame(giveUps(policy, [0, 1, 2]), [false, false, false]);
  t.strictSame(giveUps(policy, [0, 1, 2, 3]), [false, false, false, true]);
  t.strictSame(giveUps({ limit: 1, duration: 1_000 }, [5, 5]), [false, true]);
});

t.test("S3: a death counts for `duration`, to the millisecond", async (t) => {
  const policy = { limit: 2, duration: 1_000 };
  t.strictSame(giveUps(policy, [0, 500, 999]), [false, false, true], "the first still counts");
  t.strictSame(giveUps(policy, [0, 500, 1_000]), [false, false, false], "and now it does not");
  t.strictSame(giveUps(policy, [0, 500, 1_000, 1_499]), [false, false, false, true]);
});

t.test("S3: slow deaths never end the cluster", async (t) => {
  const times = Array.from({ length: 1_000 }, (_, index) => index * 500);
  t.notOk(giveUps({ limit: 2, duration: 1_000 }, times).includes(true));
});

t.test("S3: any clock that only goes forward will do", async (t) => {
  const policy = { limit: 2, duration: 1_000 };
  for (const start of [0, 0.125, 12_345.678, 2 ** 40]) {
    const result = giveUps(policy, [start, start + 1, start + 2]);
    t.strictSame(result, [false, false, true], `from ${start}`);
  }
  t.strictSame(giveUps({ limit: 2, duration: 10 }, [7, 7, 7]), [false, false, true], "at once");
});

t.test("S3: giving up is exactly: more than `limit` deaths within `duration`", async (t) => {
  const random = new Random();
  const wrong: unknown[] = [];
  let [yes, no] = [0, 0];
  for (let round = 0; round < 200; round++) {
    const policy = { limit: random.between(1, 6), duration: random.between(1, 200) };
    let now = 0;
    const times = Array.from({ length: 60 }, () => {
      now += random.between(0, 60);
      return now;
    });
    giveUps(policy, times).forEach((giveUp, index) => {
      const recent = times.slice(0, index + 1);
      const since = (times[index] ?? 0) - policy.duration;
      const expected = recent.filter((time) => time > since).length > policy.limit;
      if (giveUp !== expected) wrong.push({ policy, index, giveUp, expected });
      if (expected) yes++;
      else no++;
    });
  }
  t.strictSame(wrong, [], `seed ${random.seed}`);
  t.ok(yes > 500 && no > 500, `both happened: ${yes}, ${no}`);
});

t.test("a window is never changed, and does not grow for ever", async (t) => {
  const policy = { limit: 5, duration: 100 };
  const first = recordDeath(NO_DEATHS, 1, policy).window;
  recordDeath(first, 2, policy);
  t.strictSame(first.deaths, [1]);
  t.strictSame(NO_DEATHS.deaths, []);
  let window = NO_DEATHS;
  for (let now = 0; now < 10_000; now += 50) window = recordDeath(window, now, policy).window;
  t.equal(window.deaths.length, 2);
});

t.test("S3: the first restart is at once, then the wait doubles up to its limit", async (t) => {
  const longest = (failures: number) => restartDelay(failures, BACKOFF, () => 1 - 2 ** -53);
  t.strictSame(
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map(longest),
    [0, 0, 100, 200, 400, 800, 1_600, 2_000, 2_000],
  );
  t.equal(longest(5_000), BACKOFF.max, "where the power of two is infinite");
});

t.test("S3: jitter takes up to half of the wait, and never more", async (t) => {
  const random = new Random();
  for (let failures = 2; failures <= 12; failures++) {
    const step = restartDelay(failures, BACKOFF, () => 1 - 2 ** -53);
    t.equal(
      restartDelay(failures, BACKOFF, () => 0),
      step / 2,
      `${failures} failures`,
    );
    const delays = Array.from({ length: 500 }, () => restartDelay(failures, BACKOFF, random.next));
    t.ok(
      delays.every((delay) => delay >= step / 2 && delay <= step),
      "bounds",
    );
    t.ok(delays.every(Number.isInteger), "whole milliseconds");
    const spread = Math.max(...delays) - Math.min(...delays);
    t.ok(spread > step * 0.45, `${spread} ms of ${step / 2} are used`);
  }
});

t.test("S3: without a generator of its own the jitter is random all the same", async (t) => {
  const delays = Array.from({ length: 50 }, () => restartDelay(7, BACKOFF));
  t.ok(new Set(delays).size > 5);
  t.ok(delays.every((delay) => delay >= 1_000 && delay <= 2_000));
});

t.test("S3: failures in a row are forgotten after a long enough life", async (t) => {
  t.equal(failuresInARow(0, 0, BACKOFF), 1);
  t.equal(failuresInARow(1, 0, BACKOFF), 2);
  t.equal(failuresInARow(7, BACKOFF.forgetAfter - 1, BACKOFF), 8);
  t.equal(
    failuresInARow(7, BACKOFF.forgetAfter, BACKOFF),
    1,
    "the death itself is the first again",
  );
});
