import t, { type Test } from "tap";
import { type FakeWorker, PoolModel } from "../../../helpers/pool-model.js";
import { Random } from "../../../helpers/random.js";

const OPTIONS = {
  limit: 1_000_000,
  workerInitTimeout: 3_000,
  drainTimeout: 2_000,
  stopTimeout: 1_000,
  hangTimeout: 4_000,
  maxMemory: 100,
};

/** Longer than any step of the pool may take (ms). */
const STALL = 60_000;

const LISTENED = ["ready", "gone", "exit", "message"];

/** Checks what holds at every step of every history. */
class Invariants {
  readonly #t: Test;
  readonly #m: PoolModel;
  readonly #poolListeners: number;
  readonly #concurrency: number;
  #count = 0;
  /** Workers that leave because there were to be fewer. */
  #surplus = new Set<FakeWorker>();
  step = 0;

  constructor(t: Test, m: PoolModel, refork: boolean, concurrency: number) {
    this.#concurrency = concurrency;
    this.#t = t;
    this.#m = m;
    // S1: at the moment at which an old worker has to go, there are as many ready ones as slots.
    m.pool.on("replaced", (handle) => {
      const { stateBefore: state, isInspected } = handle as unknown as FakeWorker;
      const serving = m.processes.filter(serves).length;
      // Without `refork` slots may stay empty.
      if (!serves({ state, isInspected }) || !refork || serving >= m.pool.count) return;
      this.#fail(`S1: ${serving} of ${m.pool.count} serve`);
    });
    this.#poolListeners = this.#listeners();
  }

  check(): void {
    const { processes, pool, registry } = this.#m;
    const leaving = processes.filter(({ state }) => state === "draining" || state === "stopping");
    if (pool.count < this.#count) {
      for (const worker of leaving) this.#surplus.add(worker);
    }
    this.#count = pool.count;
    const surplus = processes.filter((worker) => this.#surplus.has(worker)).length;
    const limit = pool.count + this.#concurrency + surplus;
    if (processes.length > limit) this.#fail(`S8: ${processes.length} processes of ${limit}`);
    for (const name of LISTENED) {
      if (registry.listenerCount(name) !== 1) this.#fail(`listeners of "${name}"`);
    }
    // A reload that is under way listens once.
    if (this.#listeners() > this.#poolListeners + 1) this.#fail(`${this.#listeners()} listeners`);
  }

  #listeners(): number {
    const { pool } = this.#m;
    return pool.eventNames().reduce((sum, name) => sum + pool.listenerCount(name), 0);
  }

  #fail(what: string): void {
    this.#t.fail(`${what} (seed ${this.#m.random.seed}, step ${this.step})`);
  }
}

function serves({ state, isInspected }: Pick<FakeWorker, "state" | "isInspected">): boolean {
  return state === "ready" || (state === "hung" && isInspected);
}

/** One thing that may happen at any time. */
function happen(m: PoolModel, silent: Set<FakeWorker>): void {
  const { random } = m;
  const some = m.processes.length > 0 ? random.pick(m.processes) : undefined;
  const advance = (ms: number) => m.advance(ms, (worker) => silent.has(worker));
  switch (random.between(0, 13)) {
    case 0: // a death at any moment
      if (some && random.chance(0.3)) m.exit(some);
      break;
    case 1:
    case 2:
    case 3:
      if (some) m.becomeReady(some);
      break;
    case 4:
      advance(random.between(1, 1_500));
      break;
    case 5: // its loop stands, or turns again; under a debugger or not
      if (some === undefined) break;
      if (silent.delete(some)) some.isInspected = false;
      else if (random.chance(0.3)) {
        silent.add(some);
        some.isInspected = random.chance(0.4);
      }
      break;
    case 6:
      if (random.chance(0.5)) m.reload();
      break;
    case 7:
      if (random.chance(0.3)) m.scale(random.between(1, 5));
      break;
    case 8:
      m.reap();
      break;
    case 9: {
      // A drain that is done: the worker ends by itself.
      const drained = m.processes.find(({ state }) => state === "draining");
      if (drained) m.exit(drained, null);
      break;
    }
    case 10:
      if (random.chance(0.3)) m.forking = random.pick(["throws", "fails later", "works", "works"]);
      break;
    case 11: // a boot that fails
      for (const worker of m.processes) {
        if (worker.state === "starting" && random.chance(0.3)) m.exit(worker, null);
      }
      break;
    case 12: // it has grown too big
      if (some?.wasReady && random.chance(0.3)) m.heartbeat(some, 101);
      break;
    case 13: // the debugger leaves
      if (some?.isInspected) {
        some.isInspected = false;
        m.pool.released(some as never);
      }
  }
}

/** How the world goes on when nobody asks for anything any more. */
const ENDINGS = {
  "all is well": (m: PoolModel) => {
    m.forking = "works";
    for (const worker of [...m.processes]) m.becomeReady(worker);
  },
  "boots fail for good": (m: PoolModel) => {
    m.forking = "works";
    for (const worker of [...m.processes]) if (worker.state === "starting") m.exit(worker, null);
  },
  "forks throw for good": (m: PoolModel) => {
    m.forking = "throws";
  },
  "workers become ready and die": (m: PoolModel) => {
    m.forking = "works";
    const [first] = m.ready;
    if (first !== undefined) m.exit(first);
    for (const worker of m.processes) if (m.random.chance(0.5)) m.becomeReady(worker);
  },
};

const pending = (m: PoolModel): string[] =>
  m.asked.filter(({ outcome }) => outcome === "pending").map(({ call }) => call);

/** @returns whether `done` was true before the time (ms) was up */
async function goOn(
  m: PoolModel,
  ms: number,
  invariants: Invariants,
  act: () => void,
  done: () => boolean,
): Promise<boolean> {
  const end = m.now + ms;
  while (m.now < end && !done()) {
    act();
    m.reap();
    m.advance(500);
    await m.settle();
    invariants.check();
    invariants.step++;
  }
  return done();
}

async function history(t: Test, seed: number, refork: boolean): Promise<void> {
  const reloadConcurrency = 1 + (seed % 3);
  const reloadTimeout = seed % 2 === 0 ? 4_000 : undefined;
  const options = {
    ...OPTIONS,
    refork,
    reloadConcurrency,
    ...(reloadTimeout && { reloadTimeout }),
  };
  const m = new PoolModel(new Random(seed), options);
  const { random, pool } = m;
  const invariants = new Invariants(t, m, refork, reloadConcurrency);
  m.scale(3);
  for (const worker of m.processes) m.becomeReady(worker);
  const silent = new Set<FakeWorker>();
  for (; invariants.step < 150; invariants.step++) {
    invariants.check();
    happen(m, silent);
    if (random.chance(0.3)) await m.settle();
  }
  for (const worker of m.processes) worker.isInspected = false;

  const names = Object.keys(ENDINGS) as (keyof typeof ENDINGS)[];
  const name = names[seed % names.length] ?? "all is well";
  const act = () => ENDINGS[name](m);
  // Those that are asked for while the world is like that have to settle, too.
  m.reload();
  m.reload();
  invariants.check();
  if (random.chance(0.5)) m.scale(random.between(1, 5));
  invariants.check();
  const over = await goOn(m, 6 * STALL, invariants, act, () => pending(m).length === 0);
  if (!over) t.fail(`${pending(m)} never settle: ${name} (seed ${seed})`);

  if (name === "all is well") {
    await goOn(m, STALL, invariants, act, () => m.processes.length === m.ready.length);
    if (refork) {
      const facts = [m.ready.length, m.processes.length];
      if (facts.some((number) => number !== pool.count)) t.fail(`${facts} of ${pool.count}`);
    }
    if (m.ready.some(({ generation }) => generation < pool.generation)) t.fail("old generation");
  }

  // In the middle of things again.
  if (random.chance(0.7)) m.reload();
  if (random.chance(0.7)) m.scale(random.between(1, 6));
  const { forks } = m;
  m.stop(random.between(1, 5_000));
  const reaps = random.chance(0.8);
  for (let n = 0; n < 40; n++) {
    if (reaps) m.reap();
    m.advance(1_000);
    await m.settle();
  }
  if (pending(m).length > 0) t.fail(`${pending(m)} after the stop (seed ${seed})`);
  if (m.forks > forks) t.fail(`a fork after the stop (seed ${seed})`);
  if (m.registry.eventNames().length + m.timers > 0) t.fail(`something is left (seed ${seed})`);
}

t.test("S1 S7 S8 random histories: the invariants hold, every promise settles", async (t) => {
  const first = Number(process.env.SEED ?? 1);
  for (let seed = first; seed < first + 120; seed++) await history(t, seed, seed % 5 !== 0);
  t.pass("120 histories");
});
