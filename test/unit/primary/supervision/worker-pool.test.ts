import t from "tap";
import { PoolModel } from "../../../helpers/pool-model.js";
import { Random } from "../../../helpers/random.js";

const model = (options = {}, seed?: number) =>
  new PoolModel(new Random(seed), { limit: 1_000_000, count: 3, ...options });

/** A pool whose workers are all ready. */
function running(options = {}): PoolModel {
  const pool = model(options);
  pool.scale(3);
  for (const worker of pool.processes) pool.becomeReady(worker);
  return pool;
}

t.test("S3 a first death is replaced at once, the next ones with growing waits", async (t) => {
  const m = running();
  const waits: number[] = [];
  for (let n = 0; n < 8; n++) {
    const [victim] = m.processes.slice(-1);
    if (victim === undefined) throw new Error("no worker");
    m.exit(victim);
    const start = m.now;
    while (m.processes.length < 3) m.advance(1);
    waits.push(m.now - start);
    m.becomeReady(m.processes.at(-1) as (typeof m.processes)[0]);
  }
  t.equal(waits[0], 0);
  for (const [n, wait] of waits.slice(1).entries()) {
    const step = Math.min(100 * 2 ** n, 2_000);
    t.ok(wait >= step / 2 && wait <= step + 1, `${wait} ms of ${step}`);
  }
});

t.test("S3 too many deaths in the time end it; older ones do not count", async (t) => {
  const m = running({ limit: 3, duration: 10_000 });
  let gaveUp: Error | undefined;
  m.pool.on("giveUp", (error) => {
    gaveUp = error;
  });
  const die = () => {
    const [worker] = m.ready;
    if (worker) m.exit(worker);
    m.advance(2_100);
    for (const item of m.processes) m.becomeReady(item);
  };
  for (let n = 0; n < 12; n++) {
    die();
    m.advance(2_000);
  }
  t.equal(gaveUp, undefined, "three in ten seconds are allowed");
  die();
  die();
  die();
  die();
  t.match(gaveUp?.message, /more than 3 workers died within 10000 ms/);
});

t.test("S4 silence makes a worker hung, more of it ends it, a heartbeat clears it", async (t) => {
  const m = running({ hangTimeout: 5_000 });
  const [slow, stuck] = m.processes;
  if (!slow || !stuck) throw new Error("no workers");
  const hangs: unknown[] = [];
  m.pool.on("hang", (worker) => hangs.push(worker.pid));
  m.advance(2_100, (worker) => worker === slow || worker === stuck);
  t.same([slow.state, stuck.state], ["hung", "hung"]);
  m.advance(500, (worker) => worker === stuck);
  t.same([slow.state, stuck.state], ["ready", "hung"]);
  m.advance(2_500, (worker) => worker === stuck);
  t.same(stuck.told, ["SIGKILL"]);
  t.same(hangs, [stuck.pid]);
  t.same(slow.told, []);
});

t.test("S4 a worker under a debugger is silent without being ended, for as long", async (t) => {
  const m = running({ hangTimeout: 5_000 });
  const [paused, other] = m.processes;
  if (!paused || !other) throw new Error("no workers");
  const hangs: unknown[] = [];
  m.pool.on("hang", (worker) => hangs.push(worker.pid));
  paused.isInspected = true;
  m.advance(2_100, (worker) => worker === paused);
  t.equal(paused.state, "hung", "but it gets nobody");
  m.advance(3_600_000, (worker) => worker === paused);
  t.same([paused.state, paused.told, hangs], ["hung", [], []]);
  m.heartbeat(paused);
  t.equal(paused.state, "ready");

  m.advance(2_100, (worker) => worker === paused);
  paused.isInspected = false;
  m.advance(5_100, (worker) => worker === paused);
  t.same([paused.told, hangs], [["SIGKILL"], [paused.pid]], "the inspector was closed");
  m.advance(5_100, (worker) => worker === other);
  t.same(other.told, ["SIGKILL"], "others are no exception");
});

t.test("a reload replaces a worker that stands still under a debugger", async (t) => {
  const m = running({ hangTimeout: 5_000, drainTimeout: 3_000, stopTimeout: 2_000 });
  const [paused] = m.processes;
  if (!paused) throw new Error("no worker");
  paused.isInspected = true;
  const advance = (ms: number) => m.advance(ms, (worker) => worker === paused);
  advance(2_100);
  m.reload();
  for (let n = 0; n < 10; n++) {
    for (const worker of m.processes) m.becomeReady(worker);
    for (const worker of m.processes) if (worker !== paused && worker.told[0]) m.exit(worker);
    advance(1_000);
  }
  t.same(paused.told, ["supervisor:drain", "supervisor:stop", "SIGKILL"]);
  m.exit(paused);
  for (let n = 0; n < 5; n++) {
    for (const worker of m.processes) m.becomeReady(worker);
    for (const worker of m.processes) if (worker.told[0]) m.exit(worker);
    advance(1_000);
  }
  t.same(
    m.processes.map(({ generation }) => generation),
    [1, 1, 1],
  );
});

t.test("S2 an overdue drain is stopped, an overdue stop is killed", async (t) => {
  const m = running({ drainTimeout: 3_000, stopTimeout: 2_000 });
  const [old] = m.processes;
  m.reload();
  m.becomeReady(m.processes.at(-1) as (typeof m.processes)[0]);
  t.equal(old?.state, "draining");
  m.advance(3_100);
  t.equal(old?.state, "stopping");
  m.advance(2_100);
  t.same(old?.told, ["supervisor:drain", "supervisor:stop", "SIGKILL"]);
});

t.test("a replacement for memory's sake that fails is not tried again at once", async (t) => {
  const m = running({ maxMemory: 100 });
  const [big] = m.processes;
  if (!big) throw new Error("no worker");
  m.heartbeat(big, 101);
  t.equal(m.processes.length, 4);
  m.exit(m.processes.at(-1) as (typeof m.processes)[0]);
  m.heartbeat(big, 101);
  m.advance(30_000);
  m.heartbeat(big, 101);
  t.equal(m.processes.length, 3);
  m.advance(31_000);
  m.heartbeat(big, 101);
  t.equal(m.processes.length, 4);
});
