import t from "tap";
import {
  type Facts,
  isSettled,
  plan,
  type SlotFacts,
  type WorkerFacts,
} from "../../../src/policy/reconcile.js";

const NEVER = Number.POSITIVE_INFINITY;

const worker = (state: WorkerFacts["state"], more: Partial<WorkerFacts> = {}): WorkerFacts => ({
  state,
  generation: 0,
  recycle: false,
  isInspected: false,
  deadline: NEVER,
  ...more,
});

type Slot = SlotFacts<WorkerFacts>;

const slot = (more: Partial<Slot> = {}): Slot => ({
  worker: undefined,
  successor: undefined,
  spawnAt: 0,
  ...more,
});

const facts = (slots: Slot[], more: Partial<Facts<WorkerFacts>> = {}): Facts<WorkerFacts> => ({
  slots,
  leaving: [],
  generation: 0,
  concurrency: 1,
  ...more,
});

const types = (input: Facts<WorkerFacts>, now = 100): string[] =>
  plan(input, now).actions.map(({ type }) => type);

t.test("S8 every empty slot is filled, and no other one", async (t) => {
  const slots = [slot(), slot({ worker: worker("ready") }), slot(), slot({ spawnAt: 500 })];
  const { actions, wakeAt } = plan(facts(slots), 100);
  t.same(actions, [
    { type: "spawn", slot: slots[0] },
    { type: "spawn", slot: slots[2] },
  ]);
  t.equal(wakeAt, 500);
  t.same(types(facts([slot({ spawnAt: NEVER })])), []);
  t.equal(plan(facts([slot({ spawnAt: NEVER })]), 100).wakeAt, NEVER);
});

t.test("a deadline that is over is told, in every state; the others are awaited", async (t) => {
  for (const state of ["starting", "ready", "hung", "draining", "stopping", "dead"] as const) {
    const late = worker(state, { deadline: 100 });
    const inTime = slot({ worker: worker(state, { deadline: 101 }) });
    const { actions, wakeAt } = plan(facts([slot({ worker: late }), inTime]), 100);
    t.same(actions, [{ type: "overdue", worker: late }], state);
    t.equal(wakeAt, 101);
  }
});

t.test("S1 an outdated worker gets a successor, one at a time", async (t) => {
  const slots = [0, 0, 1].map((generation) => slot({ worker: worker("ready", { generation }) }));
  const { actions } = plan(facts(slots, { generation: 1 }), 100);
  t.same(actions, [{ type: "surge", slot: slots[0] }]);
  slots[0] = slot({ worker: worker("ready"), successor: worker("starting", { generation: 1 }) });
  t.same(types(facts(slots, { generation: 1 })), [], "the next waits for it");
});

t.test(
  "S1 S8 with a concurrency, as many outdated workers at a time get a successor",
  async (t) => {
    const old = () => slot({ worker: worker("ready") });
    const taking = () =>
      slot({ worker: worker("ready"), successor: worker("starting", { generation: 1 }) });
    const more = { generation: 1, concurrency: 2 };
    t.same(types(facts([old(), old(), old()], more)), ["surge"]);
    t.same(types(facts([taking(), old(), old()], more)), ["surge"], "and the second");
    t.same(types(facts([taking(), taking(), old()], more)), [], "but no third");
    const leaving = [worker("draining")];
    t.same(types(facts([taking(), old()], { ...more, leaving })), [], "who leaves counts");
    t.same(types(facts([taking(), old()], { ...more, leaving, concurrency: 3 })), ["surge"]);
    const ready = slot({ worker: worker("ready"), successor: worker("ready", { generation: 1 }) });
    t.same(types(facts([ready, taking()], more)), ["promote"], "without waiting for the other one");
    const hung = slot({ ...taking(), worker: worker("hung") });
    t.same(
      types(facts([ready, hung], more)),
      [],
      "S1 unless the other one's worker does not serve",
    );
    t.same(types(facts([ready, slot({ spawnAt: 500 })], more)), []);
    t.same(types(facts([hung, old()], more)), [], "S1 nobody is started while one does not serve");
  },
);

t.test(
  "for their memory's sake workers are replaced one at a time, whatever the concurrency",
  async (t) => {
    const full = () => worker("ready", { recycle: true });
    const slots = [
      slot({ worker: full(), successor: worker("starting") }),
      slot({ worker: full() }),
    ];
    t.same(types(facts(slots, { concurrency: 2 })), []);
  },
);

t.test("a worker that must be recycled is outdated, whatever its generation", async (t) => {
  const slots = [slot({ worker: worker("ready", { recycle: true, generation: 5 }) })];
  t.same(types(facts(slots, { generation: 5 })), ["surge"]);
});

t.test("S1 nothing is outdated enough while a slot is without a ready worker", async (t) => {
  const old = () => slot({ worker: worker("ready") });
  for (const state of ["starting", "hung", "draining", "dead"] as const) {
    const slots = [old(), slot({ worker: worker(state) })];
    t.same(types(facts(slots, { generation: 1 })), [], state);
  }
  const waiting = [old(), slot({ spawnAt: 500 })];
  t.same(types(facts(waiting, { generation: 1 })), []);
});

t.test("S8 nobody is started for a reload while another one is leaving", async (t) => {
  const slots = [slot({ worker: worker("ready") })];
  t.same(types(facts(slots, { generation: 1, leaving: [worker("draining")] })), []);
});

t.test("S1 the successor takes over when it is ready, or when nobody else is left", async (t) => {
  const take = (successor: WorkerFacts["state"], old?: WorkerFacts["state"], others: Slot[] = []) =>
    types(
      facts(
        [
          slot({
            worker: old && worker(old),
            successor: worker(successor, { generation: 1 }),
          }),
          ...others,
        ],
        { generation: 1 },
      ),
    );
  t.same(take("ready", "ready"), ["promote"]);
  t.same(take("ready", "hung"), ["promote"]);
  t.same(take("starting", "ready"), []);
  t.same(take("starting"), ["promote"], "and no second one is started");
  const empty = slot({ spawnAt: 500 });
  const booting = slot({ worker: worker("starting") });
  t.same(take("ready", "ready", [empty]), [], "while another slot is empty, both are needed");
  t.same(take("ready", "ready", [booting]), []);
  t.same(take("ready", "hung", [empty]), ["promote"], "of no use is one that hangs");
  t.same(take("ready", "ready", [slot({ spawnAt: NEVER })]), ["promote"], "it stays empty");
});

t.test("a successor that nobody wants any more goes", async (t) => {
  for (const state of ["starting", "ready", "hung", "stopping"] as const) {
    const slots = [slot({ worker: worker("ready"), successor: worker(state, { generation: 1 }) })];
    t.same(types(facts(slots, { generation: 0 })), ["withdraw"], state);
  }
  const needed = slot({ worker: worker("hung"), successor: worker("ready", { generation: 1 }) });
  t.same(types(facts([needed], { generation: 0 })), ["promote"], "but not when it is needed");
  const more = slot({ worker: worker("ready"), successor: worker("ready", { generation: 1 }) });
  t.same(types(facts([more, slot({ spawnAt: 500 })])), [], "S1 nor while another slot is empty");
});

t.test("who has lost its slot is told to go, once", async (t) => {
  const leaving = (state: WorkerFacts["state"]) => types(facts([], { leaving: [worker(state)] }));
  for (const state of ["starting", "ready", "hung"] as const) t.same(leaving(state), ["dismiss"]);
  for (const state of ["draining", "stopping", "dead"] as const) t.same(leaving(state), []);
});

t.test("settled: all ready, new enough, nobody coming or going", async (t) => {
  const ready = slot({ worker: worker("ready", { generation: 1 }) });
  t.ok(isSettled(facts([ready, ready], { generation: 1 })));
  t.notOk(isSettled(facts([ready, slot()], { generation: 1 })));
  t.notOk(isSettled(facts([ready], { generation: 2 })));
  t.notOk(isSettled(facts([ready], { generation: 1, leaving: [worker("draining")] })));
  t.notOk(isSettled(facts([slot({ ...ready, successor: worker("starting") })])));
  t.notOk(isSettled(facts([slot({ worker: worker("hung") })])));
});

t.test("a worker that a debugger may have stopped does not keep a reload waiting", async (t) => {
  const stopped = slot({ worker: worker("hung", { isInspected: true }) });
  const other = slot({ worker: worker("ready") });
  t.same(types(facts([stopped, other], { generation: 1 })), ["surge"]);
  t.equal(isSettled(facts([stopped, other])), true);
  const hung = slot({ worker: worker("hung") });
  t.same(
    types(facts([hung, other], { generation: 1 })),
    [],
    "one that hangs does: it is ended soon",
  );
  t.equal(isSettled(facts([hung, other])), false);
});
