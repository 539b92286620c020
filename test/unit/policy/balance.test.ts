import t from "tap";
import {
  type Candidate,
  keepsSession,
  LOAD_BALANCING_METHODS,
  type LoadBalancingMethod,
  pickWorker,
} from "../../../src/policy/balance.js";
import { Random } from "../../helpers/random.js";

interface Worker extends Candidate {
  name: string;
}

const worker = (name: string, load: number, lastPicked = 0): Worker => ({ name, load, lastPicked });

/** Picks and books, as the primary does: load and turn count from the pick on. */
function pickMany(
  workers: Worker[],
  count: number,
  method: LoadBalancingMethod,
  random?: () => number,
): string[] {
  let picks = Math.max(...workers.map(({ lastPicked }) => lastPicked));
  return Array.from({ length: count }, () => {
    const picked = pickWorker(workers, method, random);
    if (picked === undefined) throw new Error("nobody was picked");
    picked.load++;
    picked.lastPicked = ++picks;
    return picked.name;
  });
}

const timesOf = (names: string[], name: string): number =>
  names.filter((item) => item === name).length;

t.test("R5: without a ready worker nobody is picked, by any method", async (t) => {
  for (const method of LOAD_BALANCING_METHODS) {
    t.equal(
      pickWorker([], method, () => 0),
      undefined,
      method,
    );
  }
});

t.test("the only worker is picked, by any method", async (t) => {
  for (const method of LOAD_BALANCING_METHODS) {
    const only = worker("a", 99, 7);
    t.equal(pickWorker([only], method), only, method);
  }
});

t.test("least-connection: the fewest, wherever they stand and whoever's turn it is", async (t) => {
  const [few, some, many] = [worker("few", 1, 9), worker("some", 2, 1), worker("many", 3, 2)];
  for (const order of [
    [few, some, many],
    [some, few, many],
    [many, some, few],
  ]) {
    t.equal(pickWorker(order, "least-connection"), few);
  }
});

t.test("least-connection: equals take turns", async (t) => {
  const workers = [worker("a", 5, 3), worker("b", 5, 1), worker("c", 5, 2)];
  t.strictSame(pickMany(workers, 6, "least-connection"), ["b", "c", "a", "b", "c", "a"]);
});

t.test("least-connection: turns are kept when load does not grow", async (t) => {
  const workers = [worker("a", 0), worker("b", 0), worker("c", 0)];
  const names = Array.from({ length: 6 }, (_, index) => {
    const picked = pickWorker(workers, "least-connection");
    if (picked) picked.lastPicked = index + 1;
    return picked?.name;
  });
  t.strictSame(names, ["a", "b", "c", "a", "b", "c"]);
});

t.test("R6: 400 picks over 3 equal workers differ by at most one", async (t) => {
  for (const method of ["least-connection", "round-robin"] as const) {
    const workers = [worker("a", 0), worker("b", 0), worker("c", 0)];
    const names = pickMany(workers, 400, method);
    const times = ["a", "b", "c"].map((name) => timesOf(names, name));
    t.ok(Math.max(...times) - Math.min(...times) <= 1, `${method}: ${times}`);
  }
});

t.test("R6: least-connection fills the gap first, then spreads", async (t) => {
  const workers = [worker("new", 0), worker("old", 100), worker("older", 100)];
  const names = pickMany(workers, 400, "least-connection");
  t.ok(
    names.slice(0, 100).every((name) => name === "new"),
    "the new one catches up",
  );
  t.strictSame(
    workers.map(({ load }) => load),
    [200, 200, 200],
  );
});

t.test("round-robin: each in turn, whatever its load", async (t) => {
  const workers = [worker("a", 50), worker("b", 0), worker("c", 7)];
  t.strictSame(pickMany(workers, 6, "round-robin"), ["a", "b", "c", "a", "b", "c"]);
});

t.test("random: the injected number decides, and load does not", async (t) => {
  const workers = [worker("a", 50, 9), worker("b", 0), worker("c", 7, 3)];
  const at = (number: number) => pickWorker(workers, "random", () => number)?.name;
  t.strictSame(
    [at(0), at(0.333), at(0.334), at(0.666), at(0.667), at(1 - 2 ** -53)],
    [..."aabbcc"],
  );
});

t.test("random: everybody gets a fair share", async (t) => {
  const random = new Random();
  const names = pickMany([worker("a", 0), worker("b", 0)], 2_000, "random", random.next);
  t.ok(Math.abs(timesOf(names, "a") - 1_000) < 150, `${timesOf(names, "a")} of 2,000`);
});

t.test("candidates are only looked at", async (t) => {
  for (const method of LOAD_BALANCING_METHODS) {
    const workers = Object.freeze([
      Object.freeze(worker("a", 1, 1)),
      Object.freeze(worker("b", 1)),
    ]);
    t.doesNotThrow(() => pickWorker(workers, method), method);
  }
});

t.test("keepsSession: up to two sessions, or 2 %, above the least loaded", async (t) => {
  t.equal(keepsSession(0, []), true, "alone");
  t.equal(keepsSession(5, [5, 5]), true, "equals");
  t.equal(keepsSession(3, [7, 9]), true, "the least loaded itself");
  t.equal(keepsSession(2, [0, 9]), true, "two above");
  t.equal(keepsSession(3, [0, 9]), false, "three above");
  t.equal(keepsSession(102, [100]), true, "2 % of 100");
  t.equal(keepsSession(103, [100]), false);
  t.equal(keepsSession(1_020, [5_000, 1_000]), true, "2 % of 1,000");
  t.equal(keepsSession(1_021, [5_000, 1_000]), false);
});

t.test("R6: keeping sessions never drives workers apart", async (t) => {
  // All handshakes come on connections of one worker, as behind a proxy with few connections.
  const loads = [0, 0, 0, 0];
  for (let session = 0; session < 4_000; session++) {
    const at = keepsSession(loads[0] ?? 0, loads) ? 0 : loads.indexOf(Math.min(...loads));
    loads[at] = (loads[at] ?? 0) + 1;
  }
  for (const load of loads) t.ok(Math.abs(load - 1_000) <= 50, `${load} is within 5 % of 1,000`);
});
