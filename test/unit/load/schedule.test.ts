import t from "tap";
import {
  broadcastPlan,
  clientPlan,
  firstMessageFrom,
  isBinary,
  messageAt,
  random,
} from "../../../src/load/schedule.js";

const OPTIONS = {
  seed: 7,
  clients: 300,
  ramp: 3_000,
  transports: "mixed" as const,
  rooms: 4,
  rate: 5,
  broadcasts: 20,
  binary: 0.25,
};

t.test("one seed gives one schedule, another seed another", async (t) => {
  const all = (seed: number) =>
    Array.from({ length: 50 }, (_, n) => [
      clientPlan({ ...OPTIONS, seed }, n),
      broadcastPlan({ ...OPTIONS, seed }, n),
      isBinary({ ...OPTIONS, seed }, n, n),
    ]);
  t.same(all(7), all(7));
  t.notSame(all(7), all(8));
});

t.test("clients start evenly over the ramp, in all ways and rooms", async (t) => {
  const plans = Array.from({ length: 300 }, (_, n) => clientPlan(OPTIONS, n));
  t.equal(plans[0]?.startsAt, 0);
  t.equal(plans[150]?.startsAt, 1_500);
  for (const name of ["polling", "websocket", "upgrade"]) {
    t.equal(plans.filter(({ transport }) => transport === name).length, 100, name);
  }
  for (const room of [0, 1, 2, 3]) t.equal(plans.filter((it) => it.room === room).length, 75);
  t.equal(clientPlan({ ...OPTIONS, rooms: 0 }, 9).room, -1);
  t.equal(clientPlan({ ...OPTIONS, ramp: 0 }, 299).startsAt, 0);
});

t.test("messages are due at the rate, from wherever one begins", async (t) => {
  const plan = clientPlan(OPTIONS, 10);
  t.equal(messageAt(OPTIONS, plan, 1) - messageAt(OPTIONS, plan, 0), 200);
  t.ok(messageAt(OPTIONS, plan, 0) >= plan.startsAt);
  t.ok(messageAt(OPTIONS, plan, 0) < plan.startsAt + 200);
  for (const time of [0, 99, 1_234, 5_000]) {
    const n = firstMessageFrom(OPTIONS, plan, time);
    t.ok(messageAt(OPTIONS, plan, n) >= time);
    if (n > 0) t.ok(messageAt(OPTIONS, plan, n - 1) < time);
  }
});

t.test("broadcasts come at the rate of all, from any client, after the ramp", async (t) => {
  const plans = Array.from({ length: 2_000 }, (_, n) => broadcastPlan(OPTIONS, n));
  t.equal(plans[0]?.at, 3_000);
  t.equal(plans[20]?.at, 4_000);
  t.ok(plans.every(({ sender }) => Number.isInteger(sender) && sender >= 0 && sender < 300));
  t.ok(new Set(plans.map(({ sender }) => sender)).size > 280, "nearly everybody sends");
});

t.test("the binary share is what was asked for", async (t) => {
  const share = (binary: number) =>
    Array.from({ length: 4_000 }, (_, n) => isBinary({ ...OPTIONS, binary }, n % 40, n)).filter(
      Boolean,
    ).length / 4_000;
  t.equal(share(0), 0);
  t.equal(share(1), 1);
  t.ok(Math.abs(share(0.25) - 0.25) < 0.03, String(share(0.25)));
});

t.test("random numbers are spread, and depend on all arguments", async (t) => {
  const tenths = new Array(10).fill(0);
  for (let n = 0; n < 10_000; n++) tenths[Math.floor(random(1, 2, n) * 10)]++;
  for (const count of tenths) t.ok(count > 850 && count < 1_150, String(tenths));
  t.not(random(1, 2, 3), random(1, 3, 2));
  t.not(random(1, 2), random(2, 2));
});
