import t from "tap";
import { type LeaseCandidate, nextHolder } from "../../../src/policy/leases.js";

const candidate = (facts: Partial<LeaseCandidate> = {}): LeaseCandidate => ({
  isReady: true,
  generation: 0,
  startedAt: 0,
  lastHeld: 0,
  ...facts,
});

const next = (candidates: LeaseCandidate[], holder?: LeaseCandidate, notBefore = 0, now = 0) =>
  nextHolder({ holder, candidates, notBefore }, now);

const NEVER = Number.POSITIVE_INFINITY;

t.test("while somebody has it nobody else gets it, whatever the holder's state", async (t) => {
  const holder = candidate({ isReady: false });
  t.strictSame(next([holder, candidate()], holder), { grant: undefined, wakeAt: NEVER });
});

t.test("only a ready worker gets it", async (t) => {
  const ready = candidate();
  t.equal(next([candidate({ isReady: false, generation: 9 }), ready]).grant, ready);
  t.strictSame(next([candidate({ isReady: false })]), { grant: undefined, wakeAt: NEVER });
  t.strictSame(next([]), { grant: undefined, wakeAt: NEVER });
});

t.test("generation, then the last turn, then age, then the order of asking", async (t) => {
  const cases: [better: Partial<LeaseCandidate>, worse: Partial<LeaseCandidate>][] = [
    [
      { generation: 2, lastHeld: 9, startedAt: 9 },
      { generation: 1, lastHeld: 0, startedAt: 0 },
    ],
    [
      { lastHeld: 1, startedAt: 9 },
      { lastHeld: 2, startedAt: 0 },
    ],
    [{ startedAt: 1 }, { startedAt: 2 }],
  ];
  for (const [better, worse] of cases) {
    const [a, b] = [candidate(better), candidate(worse)];
    t.equal(next([a, b]).grant, a);
    t.equal(next([b, a]).grant, a);
  }
  const [first, second] = [candidate(), candidate()];
  t.equal(next([first, second]).grant, first);
});

t.test("after a failure it waits, and says until when", async (t) => {
  const one = candidate();
  t.strictSame(next([one], undefined, 500, 499), { grant: undefined, wakeAt: 500 });
  t.strictSame(next([one], undefined, 500, 500), { grant: one, wakeAt: NEVER });
  const waiting = next([candidate({ isReady: false })], undefined, 500, 0);
  t.equal(waiting.wakeAt, NEVER, "nobody could get it then");
});
