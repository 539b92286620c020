import t from "tap";
import { type Asked, PoolModel } from "../../../helpers/pool-model.js";
import { Random } from "../../../helpers/random.js";

const model = (options = {}) => new PoolModel(new Random(1), { limit: 1_000_000, ...options });

/** A pool of three whose workers are all ready. */
function running(options = {}): PoolModel {
  const m = model(options);
  m.scale(3);
  for (const worker of m.processes) m.becomeReady(worker);
  return m;
}

type Worker = PoolModel["processes"][0];

function newest(m: PoolModel): Worker {
  const worker = m.processes.at(-1);
  if (worker === undefined) throw new Error("no process");
  return worker;
}

/** Lets everything happen that has to, with workers that become ready. */
async function calm(m: PoolModel, ms = 10_000): Promise<void> {
  for (let n = 0; n < ms / 100; n++) {
    m.reap();
    for (const worker of m.processes) {
      if (worker.state === "draining") m.exit(worker, null);
      else m.becomeReady(worker);
    }
    m.advance(100);
    await m.settle();
  }
}

/** The same with workers that end before they are ready. */
async function crashing(m: PoolModel, ms: number): Promise<void> {
  for (let n = 0; n < ms / 100; n++) {
    m.reap();
    for (const worker of m.processes) if (worker.state === "starting") m.exit(worker, null);
    m.advance(100);
    await m.settle();
  }
}

const codeOf = ({ outcome }: Asked): unknown =>
  outcome instanceof Error ? (outcome as { code?: string }).code : outcome;

t.test("a reload ends with its worker's error though the old one died meanwhile", async (t) => {
  const m = running();
  const reload = m.reload();
  const [old] = m.processes;
  if (old === undefined) throw new Error("no worker");
  m.exit(old); // the successor takes its slot
  m.exit(newest(m), null);
  await m.settle();
  t.equal(codeOf(reload), "ERR_SUPERVISOR_BOOT");
  t.equal(m.pool.generation, 0, "the old generation is wanted again");
  const before = m.forks;
  await crashing(m, 200_000);
  t.ok(m.forks - before < 200, `${m.forks - before} boots: one slot, every 2 s`);
  await calm(m);
  t.equal(m.ready.length, 3);
});

t.test("a reload ends though it is an empty slot whose new worker fails", async (t) => {
  const m = running();
  const [first] = m.processes;
  if (first === undefined) throw new Error("no worker");
  m.exit(first); // replaced at once
  m.exit(newest(m), null); // and that one waits
  const reload = m.reload();
  m.exit(newest(m), null);
  await m.settle();
  t.equal(codeOf(reload), "ERR_SUPERVISOR_BOOT");
  await calm(m);
  t.equal(m.ready.length, 3);
});

t.test("S1 an abandoned reload's successor stays for as long as it is needed", async (t) => {
  const m = running({ stopTimeout: 1_000 });
  m.reload();
  const successor = newest(m);
  const [, second] = m.processes;
  if (second === undefined) throw new Error("no worker");
  m.exit(second); // its slot is filled at once, with the new generation
  const filled = newest(m);
  m.becomeReady(successor);
  t.equal(m.ready.length, 3, "old one and successor: the other slot is empty");
  m.exit(filled, null);
  await m.settle();
  t.equal(m.ready.length, 3);
  await calm(m);
  t.same([m.ready.length, m.processes.length], [3, 3]);
});

t.test("a queued reload ends when the manager is stopped", async (t) => {
  const m = running();
  const [first, queued] = [m.reload(), m.reload()];
  const stop = m.stop(5_000);
  await m.settle();
  await m.settle();
  t.same([codeOf(first), codeOf(queued)], ["ERR_SUPERVISOR_STATE", "ERR_SUPERVISOR_STATE"]);
  m.reap();
  await m.settle();
  t.equal(stop.outcome, "done");
});

t.test("reloads come one after the other, whoever asks when", async (t) => {
  const m = running();
  const first = m.reload();
  const second = m.reload();
  let starts = 0;
  let under = 1;
  m.events.on("reload:start", () => {
    starts++;
    t.equal(++under, 1, "the one before is over");
  });
  for (const end of ["reload:done", "reload:failed"]) m.events.on(end, () => under--);
  let third: Asked | undefined;
  m.events.once("reload:done", () =>
    queueMicrotask(() =>
      queueMicrotask(() => {
        third = m.reload();
      }),
    ),
  );
  await calm(m, 30_000);
  t.same([first.outcome, second.outcome, third?.outcome], ["done", "done", "done"]);
  t.ok(starts === 1 || starts === 2);
});

t.test("scale() up ends with the error of a worker that does not boot", async (t) => {
  const m = running();
  const scale = m.scale(5);
  const [one, two] = m.processes.slice(-2);
  if (one === undefined || two === undefined) throw new Error("no workers");
  m.becomeReady(one);
  m.exit(two, null);
  await m.settle();
  t.equal(codeOf(scale), "ERR_SUPERVISOR_BOOT");
  t.equal(m.pool.count, 3, "the number is what it was");
  await calm(m);
  t.same([m.ready.length, m.processes.length], [3, 3]);
  t.equal(m.pool.restarts, 0);
});

t.test("scale() leaves nothing behind", async (t) => {
  const m = running();
  await m.settle();
  const count = () =>
    m.pool.eventNames().reduce((sum, name) => sum + m.pool.listenerCount(name), 0);
  const before = count();
  for (let n = 0; n < 50; n++) {
    m.scale(3 + (n % 2));
    await calm(m, 300);
  }
  t.equal(count(), before);
  t.ok(m.asked.every(({ outcome }) => outcome === "done"));
});

t.test("refork: false: scale() and reload() ask for what is missing, once", async (t) => {
  const m = running({ refork: false });
  for (const worker of m.processes.slice(0, 2)) m.exit(worker);
  m.advance(60_000);
  t.equal(m.processes.length, 1);
  const scale = m.scale(3);
  t.equal(m.processes.length, 3);
  await crashing(m, 1_000);
  t.equal(codeOf(scale), "ERR_SUPERVISOR_BOOT");
  t.equal(m.processes.length, 1, "not again");
  const reload = m.reload();
  await crashing(m, 1_000);
  t.equal(codeOf(reload), "ERR_SUPERVISOR_BOOT");
  const again = m.scale(3);
  await calm(m);
  t.equal(again.outcome, "done");
  t.equal(m.ready.length, 3);
});

for (const forking of ["throws", "fails later"] as const) {
  t.test(`B4 fork() that ${forking} is tried again, and told once`, async (t) => {
    const m = running({ limit: 3 });
    const told: string[] = [];
    m.pool.on("bootFailed", ({ message }) => told.push(message));
    m.pool.on("forkWorks", () => told.push("works"));
    m.pool.on("giveUp", () => told.push("gave up"));
    m.forking = forking;
    const [victim] = m.processes;
    if (victim === undefined) throw new Error("no worker");
    m.exit(victim);
    for (let n = 0; n < 600; n++) {
      m.advance(100);
      await m.settle();
    }
    const { forkFailures } = m.pool;
    t.ok(forkFailures > 20 && forkFailures < 100, `${forkFailures} tries in a minute`);
    t.equal(m.ready.length, 2);
    t.equal(m.pool.restarts, 1, "of the one that died");
    m.forking = "works";
    await calm(m);
    t.equal(m.ready.length, 3);
    t.equal(told.length, 2, told.join(" | "));
    t.match(told[0], /could not be started: spawn E(NOMEM|AGAIN)/);
    t.equal(told[1], "works");
  });

  t.test(
    `B4 fork() that ${forking}: start(), scale() and reload() end with its error`,
    async (t) => {
      const fresh = model();
      fresh.forking = forking;
      const start = fresh.scale(3);
      await fresh.settle();
      t.equal(codeOf(start), "ERR_SUPERVISOR_BOOT");
      const ended = fresh.stop(1_000);
      await fresh.settle();
      await fresh.settle();
      t.equal(ended.outcome, "done");

      const m = running();
      m.forking = forking;
      const [scale, reload] = [m.scale(4), m.reload()];
      await m.settle();
      await m.settle();
      t.equal(codeOf(scale), "ERR_SUPERVISOR_BOOT");
      await calm(m, 3_000);
      t.equal(codeOf(reload), "ERR_SUPERVISOR_BOOT");
      t.same([m.ready.length, m.pool.count, m.pool.generation], [3, 3, 0]);
    },
  );
}

t.test("S7 stop() while forks fail, while workers start, hang and drain", async (t) => {
  const m = running({ drainTimeout: 60_000, stopTimeout: 60_000, hangTimeout: 20_000 });
  const [stuck] = m.processes;
  m.scale(6);
  m.advance(2_500, (worker) => worker === stuck);
  t.equal(stuck?.state, "hung");
  m.forking = "throws";
  m.exit(newest(m), null);
  const stop = m.stop(3_000);
  const again = m.stop(60_000);
  m.forking = "works";
  const { forks } = m;
  m.advance(2_900);
  t.notOk(m.processes.some(({ told }) => told.includes("SIGKILL")));
  m.advance(200);
  t.ok(m.processes.every(({ told }) => told.includes("SIGKILL")));
  t.ok(m.processes.every(({ told }) => told.filter((it) => it === "SIGTERM").length <= 1));
  m.reap();
  await m.settle();
  t.same([stop.outcome, again.outcome, m.forks], ["done", "done", forks]);
  t.equal(m.registry.eventNames().length, 0, "it listens no more");
  t.equal(m.timers, 0);
});

t.test("a starting worker that has greeted is ended by a signal as well", async (t) => {
  const m = running();
  m.scale(4);
  const starting = newest(m);
  starting.isOurs = true; // it has said hello
  m.scale(3);
  t.same(starting.told, ["supervisor:stop", "SIGTERM"]);
});

t.test("S7 a process that nothing ends does not keep stop() waiting for ever", async (t) => {
  const m = running();
  const lost: unknown[] = [];
  m.pool.on("lost", ({ pid }) => lost.push(pid));
  const stop = m.stop(1_000);
  m.advance(10_500);
  await m.settle();
  t.equal(stop.outcome, "pending");
  m.advance(1_000);
  await m.settle();
  t.equal(stop.outcome, "done");
  t.same(lost, [1, 2, 3]);
});

t.test("a reload whose old worker does not end is done without it", async (t) => {
  const m = running({ drainTimeout: 1_000, stopTimeout: 1_000 });
  const reload = m.reload();
  for (let n = 0; n < 600; n++) {
    for (const worker of m.processes) m.becomeReady(worker);
    m.advance(100);
    await m.settle();
  }
  t.equal(reload.outcome, "done");
});

t.test("the limit is reached during a reload: whoever waits is told", async (t) => {
  const m = running({ limit: 2 });
  const gaveUp: Error[] = [];
  m.pool.on("giveUp", (error) => gaveUp.push(error));
  const [reload, scale] = [m.reload(), m.scale(4)];
  for (let n = 0; n < 3; n++) {
    for (const worker of m.ready.slice(0, 1)) m.exit(worker);
  }
  await m.settle();
  t.equal(gaveUp.length, 1);
  t.same([codeOf(reload), codeOf(scale)], Array(2).fill("ERR_SUPERVISOR_RESTART_LIMIT"));
  t.equal(codeOf(m.scale(1)), "pending");
  await m.settle();
  t.equal(codeOf(m.asked.at(-1) as Asked), "ERR_SUPERVISOR_STATE");
  const stop = m.stop(1_000);
  m.reap();
  await m.settle();
  t.equal(stop.outcome, "done");
});

t.test(
  "workers that become ready and die, again and again: a reload ends all the same",
  async (t) => {
    const m = running({ workerInitTimeout: 2_000, drainTimeout: 1_000, stopTimeout: 1_000 });
    m.exit(m.processes[0] as Worker);
    const reload = m.reload();
    let seconds = 0;
    while (reload.outcome === "pending" && seconds++ < 120) {
      // One goes before the next one comes, so that they are never all there.
      const starting = m.processes.filter(({ state }) => state === "starting");
      for (const worker of m.ready.slice(0, 1)) m.exit(worker);
      for (const worker of starting) m.becomeReady(worker);
      for (let n = 0; n < 10; n++) {
        m.reap();
        m.advance(100);
      }
      await m.settle();
    }
    t.equal(codeOf(reload), "ERR_SUPERVISOR_STATE");
    t.match(reload.outcome, /not all workers were ready at once/);
    t.ok(seconds > 10 && seconds < 60, `${seconds} s`);
    await calm(m);
    t.equal(m.ready.length, 3);
  },
);

t.test("what a death is told with is enough for a line about it", async (t) => {
  const m = running();
  const deaths: object[] = [];
  m.pool.on("died", ({ handle, ...death }) => deaths.push({ pid: handle.pid, ...death }));
  m.advance(5_000);
  const second = m.processes[1] as Worker;
  m.exit(second);
  m.exit(newest(m), null);
  t.match(deaths, [
    { pid: 2, number: 2, exit: { signal: "SIGKILL" }, wasReady: true, lived: 5_000, replacedIn: 0 },
    { pid: 4, number: 2, wasReady: false, lived: 0 },
  ]);
});
