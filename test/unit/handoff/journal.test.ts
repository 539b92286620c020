import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { HandoffJournal, JournalReader } from "../../../src/handoff/journal.js";

function both(t: Test) {
  const dir = mkdtempSync(join(tmpdir(), "journal-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const worker = new HandoffJournal(join(dir, "taken"));
  const primary = new JournalReader(worker.path);
  t.teardown(() => primary.close());
  t.teardown(() => worker.close());
  return { worker, primary };
}

t.test("the primary reads what the worker has done with each socket", async (t) => {
  const { worker, primary } = both(t);
  t.equal(existsSync(worker.path), false, "no file is left, however the processes end");
  t.equal(primary.markOf(0), "none");
  t.equal(worker.take(0), true);
  t.equal(worker.take(2), true);
  t.strictSame(
    [0, 1, 2].map((n) => primary.markOf(n)),
    ["taken", "none", "taken"],
  );
});

t.test("marks of an earlier turn through the slots do not count", async (t) => {
  const { worker, primary } = both(t);
  for (const turn of [0, 1, 2, 63, 64]) {
    const n = turn * 4096 + 7;
    t.equal(primary.markOf(n), "none", `number ${n}`);
    worker.take(n);
    t.equal(primary.markOf(n), "taken");
  }
});

t.test("what was withdrawn is not the worker's, until the primary allows it again", async (t) => {
  const { worker, primary } = both(t);
  t.equal(worker.take(1), true);
  primary.withdraw();
  t.equal(worker.take(2), false);
  primary.allow();
  t.equal(worker.take(3), true);
});

t.test(
  "whoever is faster: no socket is used by the worker and given back by the primary",
  async (t) => {
    const { worker, primary } = both(t);
    // All orders of: the worker marks, the worker looks; the primary withdraws, the primary reads.
    const mark = () => worker.take(5);
    for (const primaryFirst of [true, false]) {
      primary.allow();
      let isWorkers = true;
      let goesBack = false;
      const withdraw = () => {
        primary.withdraw();
        goesBack = primary.markOf(5) === "none";
      };
      if (primaryFirst) withdraw();
      isWorkers = mark();
      if (!primaryFirst) withdraw();
      t.notOk(isWorkers && goesBack);
      t.ok(isWorkers || goesBack, "and one after the other, it is somebody's");
    }
  },
);

t.test("a journal never takes the place of a file", async (t) => {
  const { worker } = both(t);
  const again = new HandoffJournal(worker.path);
  t.teardown(() => again.close());
  t.throws(() => new HandoffJournal(again.path), { code: "EEXIST" });
  t.throws(() => new HandoffJournal(join(again.path, "no", "such")), /ENOTDIR|ENOENT/);
});
