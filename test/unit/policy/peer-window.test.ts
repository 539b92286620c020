import fc from "fast-check";
import t from "tap";
import {
  LOOK,
  MAX_IN_LINE,
  MAX_UNTAKEN,
  MAX_UNTAKEN_BYTES,
  PeerWindow,
  SILENCE_TIMEOUT,
  TAKE_TIMEOUT,
} from "../../../src/policy/peer-window.js";

interface Item {
  bytes: number;
}

const item = (bytes = 1): Item => ({ bytes });
const SILENT = SILENCE_TIMEOUT / LOOK;
const LOST = TAKE_TIMEOUT / LOOK;

/** A window in which `count` requests are on their way. */
function filled(count: number): { window: PeerWindow<Item>; items: Item[] } {
  const window = new PeerWindow<Item>();
  const items = Array.from({ length: count }, () => item());
  for (const one of items) window.enter(one);
  return { window, items };
}

function looks(window: PeerWindow<Item>, count: number): Item[] {
  return Array.from({ length: count }, () => window.look()).flat();
}

t.test("a burst is sent as far as connections go, and the rest waits its turn", async (t) => {
  const { window, items } = filled(MAX_UNTAKEN + 3);
  t.ok(window.needsProbe, "at once: others wait");
  t.equal(window.next(), undefined);
  window.probed();
  window.answered();
  t.equal(window.next(), items[MAX_UNTAKEN], "in the order in which they came");
  t.equal(window.next(), items[MAX_UNTAKEN + 1]);
  t.equal(window.next(), items[MAX_UNTAKEN + 2]);
  t.equal(window.next(), undefined);
});

t.test("any number of polls may be pending in a worker that takes them", async (t) => {
  const window = new PeerWindow<Item>();
  let refused = 0;
  for (let n = 0; n < 100_000; n++) {
    if (window.enter(item(1_000)) !== "send") refused++;
    if (window.needsProbe) {
      window.probed();
      window.answered();
    }
  }
  t.equal(refused, 0);
  window.probed();
  window.answered();
  t.same(looks(window, 10 * LOST), [], "and for any time");
});

t.test("a probe is due only when something is not taken for a while", async (t) => {
  const { window, items } = filled(1);
  t.notOk(window.needsProbe);
  looks(window, 1);
  t.notOk(window.needsProbe);
  looks(window, 1);
  t.ok(window.needsProbe);
  window.leave(items[0] as Item);
  t.notOk(window.needsProbe, "answered meanwhile");
  t.ok(window.isIdle);
  window.enter(item());
  t.notOk(window.needsProbe, "the next one has its own time");
});

t.test("an answer to a probe is good for what was sent before it only", async (t) => {
  const { window } = filled(2);
  window.probed();
  const later = item();
  window.enter(later);
  window.answered();
  t.notOk(window.isIdle);
  window.probed();
  t.same(looks(window, LOST), [later]);
});

t.test("for a silent worker nothing waits in line; then what was sent is given up", async (t) => {
  const { window, items } = filled(MAX_UNTAKEN + 2);
  window.probed();
  t.same(looks(window, SILENT - 1), []);
  t.equal(window.enter(item()), "wait");
  const late = looks(window, 1);
  t.equal(late.length, 3);
  t.same(late.slice(0, 2), items.slice(MAX_UNTAKEN));
  t.equal(window.enter(item()), "refuse");
  window.leave(items[0] as Item);
  t.equal(window.enter(item()), "send", "there is room for one on its way");
  t.equal(looks(window, LOST - SILENT).length, MAX_UNTAKEN);
  t.equal(window.enter(item()), "refuse", "nothing is sent any more");
  t.notOk(window.isIdle, "the probe stays");
  window.answered();
  t.equal(window.enter(item()), "send", "as soon as it goes on");
});

t.test("number and bytes are bounded", async (t) => {
  const { window } = filled(MAX_UNTAKEN + MAX_IN_LINE);
  t.equal(window.enter(item()), "refuse");
  const heavy = new PeerWindow<Item>();
  const half = item(MAX_UNTAKEN_BYTES / 2);
  heavy.enter(half);
  t.equal(heavy.enter(item(MAX_UNTAKEN_BYTES / 2)), "send");
  t.equal(heavy.enter(item(1)), "refuse");
  heavy.leave(half);
  t.equal(heavy.enter(item(1)), "send");
});

t.test("of a worker that is gone, those in line come back", async (t) => {
  const { window, items } = filled(MAX_UNTAKEN + 1);
  window.probed();
  t.same(window.clear(), items.slice(MAX_UNTAKEN));
  t.ok(window.isIdle);
});

t.test("B2 in every history: bounds hold, and each request ends or can go on", async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("enter" as const), count: fc.nat(300) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("leave" as const), at: fc.nat(5_000) }) },
    fc.constant({ do: "probe" as const }),
    fc.constant({ do: "answer" as const }),
    fc.record({ do: fc.constant("looks" as const), count: fc.nat(LOST) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const window = new PeerWindow<Item>();
      const sent = new Set<Item>();
      const inLine = new Set<Item>();
      const resume = () => {
        for (let next = window.next(); next !== undefined; next = window.next()) {
          if (!inLine.delete(next)) throw new Error("sent twice");
          sent.add(next);
        }
      };
      for (const one of steps) {
        if (one.do === "enter") {
          for (let n = 0; n < one.count; n++) {
            const entering = item();
            const admission = window.enter(entering);
            if (admission === "send") sent.add(entering);
            if (admission === "wait") inLine.add(entering);
          }
        } else if (one.do === "leave") {
          const all = [...sent, ...inLine];
          const gone = all[one.at % Math.max(1, all.length)];
          if (gone !== undefined) {
            window.leave(gone);
            sent.delete(gone);
            inLine.delete(gone);
            resume();
          }
        } else if (one.do === "probe") {
          if (window.needsProbe) window.probed();
        } else if (one.do === "answer") {
          if (window.isProbing) {
            window.answered();
            sent.clear(); // it may know more of them than the window
            resume();
          }
        } else {
          for (const late of looks(window, one.count)) {
            sent.delete(late);
            inLine.delete(late);
          }
        }
        if (inLine.size > MAX_IN_LINE) throw new Error("too many in line");
        if (inLine.size > 0 && !window.needsProbe && !window.isProbing) {
          throw new Error("they wait, and nobody asks");
        }
        if (window.isSilent && inLine.size > 0) throw new Error("they wait for a silent one");
      }
    }),
    { seed: 3, numRuns: 500 },
  );
});
