import t from "tap";
import { RESERVATION_TIMEOUT, Reservations } from "../../../src/policy/balance.js";
import { Random } from "../../helpers/random.js";

/** What reservations mean, without any care for cost. */
class NaiveReservations {
  times: number[] = [];

  add(now: number): void {
    this.times.push(now);
  }

  release(count = 1): void {
    this.times = this.times.slice(count);
  }

  count(now: number): number {
    this.times = this.times.filter((time) => time > now - RESERVATION_TIMEOUT);
    return this.times.length;
  }
}

t.test("R6: a reservation counts from its dispatch on", async (t) => {
  const reservations = new Reservations();
  t.equal(reservations.count(0), 0);
  reservations.add(10);
  t.equal(reservations.count(10), 1);
  reservations.add(10);
  reservations.add(11);
  t.equal(reservations.count(11), 3);
});

t.test("it is released when the session opens or is refused", async (t) => {
  const reservations = new Reservations();
  for (let now = 0; now < 5; now++) reservations.add(now);
  reservations.release();
  t.equal(reservations.count(5), 4);
  reservations.release(3);
  t.equal(reservations.count(5), 1);
  reservations.release(0);
  t.equal(reservations.count(5), 1);
});

t.test("more releases than reservations leave none, and no debt", async (t) => {
  const reservations = new Reservations();
  reservations.add(0);
  reservations.release(10);
  t.equal(reservations.count(0), 0);
  reservations.release();
  reservations.add(1);
  t.equal(reservations.count(1), 1, "the next one counts");
});

t.test("it expires, to the millisecond, when nothing is heard", async (t) => {
  const reservations = new Reservations();
  reservations.add(100);
  reservations.add(200);
  t.equal(reservations.count(100 + RESERVATION_TIMEOUT - 1), 2);
  t.equal(reservations.count(100 + RESERVATION_TIMEOUT), 1);
  t.equal(reservations.count(200 + RESERVATION_TIMEOUT), 0);
});

t.test("the oldest is released first, so that the youngest expires last", async (t) => {
  const reservations = new Reservations();
  reservations.add(0);
  reservations.add(1_000);
  reservations.release();
  t.equal(reservations.count(RESERVATION_TIMEOUT), 1);
  t.equal(reservations.count(1_000 + RESERVATION_TIMEOUT), 0);
});

t.test("a clock that starts anywhere", async (t) => {
  const reservations = new Reservations();
  const start = 1e9 + 0.25;
  reservations.add(start);
  t.equal(reservations.count(start + RESERVATION_TIMEOUT - 0.5), 1);
  t.equal(reservations.count(start + RESERVATION_TIMEOUT), 0);
});

t.test("random operations give what a naive list gives", async (t) => {
  const random = new Random();
  for (let round = 0; round < 20; round++) {
    const [ours, naive] = [new Reservations(), new NaiveReservations()];
    const wrong: unknown[] = [];
    // Some rounds grow to thousands, some hover around nothing: both sides of the compaction.
    const growth = random.pick([0.3, 0.5, 0.7, 0.9]);
    let now = random.between(0, 1_000);
    for (let step = 0; step < 3_000; step++) {
      if (random.chance(growth)) {
        ours.add(now);
        naive.add(now);
      } else {
        const count = random.chance(0.02) ? random.between(50, 400) : random.between(0, 2);
        ours.release(count);
        naive.release(count);
      }
      now += random.chance(0.01) ? random.between(0, 6_000) : random.next() * 4;
      if (random.chance(0.2)) {
        const [got, wanted] = [ours.count(now), naive.count(now)];
        if (got !== wanted) wrong.push({ step, now, got, wanted });
      }
    }
    t.strictSame(wrong, [], `round ${round}, seed ${random.seed}`);
  }
});

t.test("a burst of 100,000 is cheap, and leaves nothing behind", async (t) => {
  const reservations = new Reservations();
  for (let index = 0; index < 100_000; index++) reservations.add(index / 100);
  t.equal(reservations.count(1_000), 100_000);
  for (let index = 0; index < 50_000; index++) reservations.release();
  t.equal(reservations.count(1_000), 50_000);
  t.equal(reservations.count(1_000 + RESERVATION_TIMEOUT), 0);
});
