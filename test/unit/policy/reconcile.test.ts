import t from "tap";
import { plan, type SlotFacts } from "../../../src/policy/reconcile.js";
import { restartDelay } from "../../../src/policy/restart.js";
import { Random } from "../../helpers/random.js";

const INIT = 30_000;
const NEVER = Number.POSITIVE_INFINITY;

const empty = (spawnAt: number): SlotFacts => ({ worker: undefined, spawnAt });
const booting = (since: number): SlotFacts => ({ worker: { ready: false, since }, spawnAt: 0 });
const ready = (since = 0): SlotFacts => ({ worker: { ready: true, since }, spawnAt: 0 });

t.test("S8: every empty slot is filled, and no other one", async (t) => {
  const slots = [empty(0), ready(), empty(100), booting(90)];
  t.strictSame(plan(slots, 100, INIT), {
    actions: [
      { type: "spawn", slot: 0 },
      { type: "spawn", slot: 2 },
    ],
    wakeAt: 90 + INIT,
  });
});

t.test("nothing to do, nothing to wait for", async (t) => {
  t.strictSame(plan([], 0, INIT), { actions: [], wakeAt: NEVER });
  t.strictSame(plan([ready(), ready(5)], 1e9, INIT), { actions: [], wakeAt: NEVER });
});

t.test("a slot is filled when its time has come, not before", async (t) => {
  t.strictSame(plan([empty(500)], 499.9, INIT), { actions: [], wakeAt: 500 });
  t.strictSame(plan([empty(500)], 500, INIT).actions, [{ type: "spawn", slot: 0 }]);
  t.strictSame(plan([empty(500)], 9_000, INIT).actions, [{ type: "spawn", slot: 0 }]);
});

t.test("a slot that is never filled again needs no wake-up", async (t) => {
  t.strictSame(plan([empty(NEVER), ready()], 1e12, INIT), { actions: [], wakeAt: NEVER });
});

t.test("spawnAt of a slot that has a worker means nothing", async (t) => {
  t.strictSame(plan([{ ...ready(), spawnAt: 0 }], 100, INIT).actions, []);
  t.equal(plan([{ ...ready(), spawnAt: 500 }], 100, INIT).wakeAt, NEVER);
});

t.test("S3: a worker that is not ready in time is told apart from one that is", async (t) => {
  t.strictSame(plan([booting(100)], 100 + INIT - 1, INIT), { actions: [], wakeAt: 100 + INIT });
  t.strictSame(plan([booting(100)], 100 + INIT, INIT), {
    actions: [{ type: "boot-timeout", slot: 0 }],
    wakeAt: NEVER,
  });
  t.strictSame(plan([ready(100)], 100 + 2 * INIT, INIT).actions, []);
});

t.test("the next look is at the earliest of all times", async (t) => {
  t.equal(plan([empty(700), booting(50), empty(600)], 100, 1_000).wakeAt, 600);
  t.equal(plan([empty(7_000), booting(50), booting(20)], 100, 1_000).wakeAt, 1_020);
  t.equal(plan([empty(0), empty(300), empty(NEVER)], 100, 1_000).wakeAt, 300, "beside an action");
});

t.test("it looks at the facts and changes nothing", async (t) => {
  const slots = [empty(0), booting(0), ready()].map((slot) => {
    if (slot.worker) Object.freeze(slot.worker);
    return Object.freeze(slot);
  });
  t.doesNotThrow(() => plan(Object.freeze(slots), 1e6, INIT));
});

/** A worker process of the model: it knows its fate, as nobody else does. */
interface Process {
  since: number;
  readyAt: number;
  exitsAt: number;
  ready: boolean;
  timedOut: boolean;
}

interface ModelSlot {
  processes: Process[];
  failures: number;
  spawnAt: number;
}

/**
 * Slots with a fake clock. Like the manager, it looks again only when something happened or
 * `wakeAt` has come: a plan that forgets to wake it leaves slots empty.
 */
class Model {
  now: number;
  crashing = true;
  mostInOneSlot = 0;
  timeouts = 0;
  exits = 0;
  readonly slots: ModelSlot[];
  readonly #random: Random;
  readonly #initTimeout = 1_000;

  constructor(random: Random, count: number) {
    this.#random = random;
    this.now = random.next() * 1e6;
    this.slots = Array.from({ length: count }, () => ({ processes: [], failures: 0, spawnAt: 0 }));
  }

  get isSettled(): boolean {
    return this.slots.every(({ processes: [first] }) => first?.ready === true);
  }

  /** Acts, and goes on to the next moment at which anything happens. False: there is none. */
  step(): boolean {
    const { actions } = this.#plan();
    for (const { type, slot: index } of actions) {
      const slot = this.slots[index];
      if (slot === undefined) throw new Error(`slot ${index} does not exist`);
      if (type === "spawn") slot.processes.push(this.#start());
      else this.#kill(slot);
      this.mostInOneSlot = Math.max(this.mostInOneSlot, slot.processes.length);
    }
    const processes = this.slots.flatMap((slot) => slot.processes);
    const next = Math.min(
      this.#plan().wakeAt,
      ...processes.map(({ ready, readyAt, exitsAt }) => Math.min(ready ? NEVER : readyAt, exitsAt)),
    );
    if (next === NEVER) return false;
    this.now = Math.max(this.now, next);
    for (const slot of this.slots) this.#happen(slot);
    return true;
  }

  #plan() {
    const facts = this.slots.map(({ processes: [first], spawnAt }) => ({
      worker: first && { ready: first.ready || first.timedOut, since: first.since },
      spawnAt,
    }));
    return plan(facts, this.now, this.#initTimeout);
  }

  #start(): Process {
    const random = this.#random;
    const process = { since: this.now, ready: false, timedOut: false };
    if (!this.crashing) {
      return { ...process, readyAt: this.now + random.next() * 900, exitsAt: NEVER };
    }
    const hangs = random.chance(0.15);
    const lives = random.next() * random.pick([10, 500, 20_000]);
    return {
      ...process,
      readyAt: hangs ? NEVER : this.now + random.next() * 1_200,
      exitsAt: hangs ? NEVER : this.now + lives,
    };
  }

  #kill(slot: ModelSlot): void {
    const [process] = slot.processes;
    if (process === undefined || process.ready) throw new Error("killed one that was fine");
    if (this.now < process.since + this.#initTimeout) throw new Error("killed too early");
    this.timeouts++;
    process.timedOut = true;
    process.exitsAt = this.now + this.#random.next() * 50;
  }

  #happen(slot: ModelSlot): void {
    for (const process of slot.processes) {
      if (process.readyAt <= this.now && process.exitsAt > this.now) process.ready = true;
    }
    const left = slot.processes.filter(({ exitsAt }) => exitsAt > this.now);
    if (left.length === slot.processes.length) return;
    this.exits++;
    slot.processes = left;
    slot.spawnAt = this.now + restartDelay(++slot.failures, this.#random.next);
  }
}

t.test("S8: a random history ends with one ready worker in every slot", async (t) => {
  const random = new Random();
  let [exits, timeouts] = [0, 0];
  for (let round = 0; round < 60; round++) {
    const model = new Model(random, random.between(1, 8));
    for (let step = 0; step < 300; step++) model.step();
    // From here on nothing fails any more, except what was doomed when it started.
    model.crashing = false;
    let steps = 0;
    while (model.step() && steps < 1_000) steps++;
    const about = `round ${round}, seed ${random.seed}`;
    t.ok(steps > 0, "it was still going on");
    t.ok(model.isSettled, `every slot is ready after ${steps} steps (${about})`);
    t.ok(steps < 1_000, "and nothing is left to do");
    t.equal(model.mostInOneSlot, 1, "never two workers in one slot");
    exits += model.exits;
    timeouts += model.timeouts;
  }
  t.ok(exits > 1_000, `${exits} workers ended`);
  t.ok(timeouts > 100, `${timeouts} of them took too long to start`);
});
