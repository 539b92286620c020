import t, { type Test } from "tap";
import { MAX_ROUND_QUESTIONS, SYNC_TIMEOUT } from "../../../../src/limits.js";
import { OwnerDirectory } from "../../../../src/primary/sessions/owner-directory.js";
import { SessionTable } from "../../../../src/primary/sessions/session-table.js";
import type { WorkerHandle } from "../../../../src/primary/workers/worker-handle.js";
import { CapturedTimers } from "../../../helpers/captured-timers.js";

/** A worker that only remembers what it was sent. */
class FakeWorker {
  readonly syncs: number[] = [];
  onSync: ((id: number) => void) | undefined;

  send(message: { type: string; id: number }): void {
    if (message.type !== "supervisor:sync") throw new Error(`unexpected ${message.type}`);
    this.syncs.push(message.id);
    this.onSync?.(message.id);
  }

  get handle(): WorkerHandle {
    return this as unknown as WorkerHandle;
  }

  get lastSync(): number {
    return this.syncs.at(-1) ?? Number.NaN;
  }
}

function setUp(t: Test, count: number) {
  const timers = new CapturedTimers(t);
  const workers = Array.from({ length: count }, () => new FakeWorker());
  const table = new SessionTable<WorkerHandle>();
  const directory = new OwnerDirectory(table, () => workers.map(({ handle }) => handle));
  const answers: (number | null)[] = [];
  return {
    timers,
    workers,
    table,
    directory,
    /** One per question that was answered: the number of the worker, or `null`. */
    answers,
    ask(sid: string): void {
      directory.find(sid, (owner) => {
        const index = workers.findIndex(({ handle }) => handle === owner);
        answers.push(owner === undefined ? null : index);
      });
    },
    answer(worker: FakeWorker): void {
      directory.answered(worker.handle, worker.lastSync);
    },
  };
}

/** The worker with this number. */
function nth(workers: readonly FakeWorker[], index: number): FakeWorker {
  const worker = workers[index];
  if (worker === undefined) throw new Error(`no worker ${index}`);
  return worker;
}

t.test("R1: a sid that is known is answered at once, and nobody is asked", async (t) => {
  const { table, workers, ask, answers, timers } = setUp(t, 2);
  table.open("x", nth(workers, 1).handle);
  ask("x");
  t.strictSame(answers, [1]);
  t.strictSame(
    workers.map(({ syncs }) => syncs.length),
    [0, 0],
  );
  t.strictSame(timers.delays, []);
});

t.test(
  "R1: for an unknown sid every worker is asked, and the last one's answer counts",
  async (t) => {
    const { table, workers, ask, answer, answers } = setUp(t, 3);
    ask("x");
    t.ok(
      workers.every(({ syncs }) => syncs.length === 1),
      "everybody was asked",
    );
    answer(nth(workers, 2));
    answer(nth(workers, 0));
    t.strictSame(answers, [], "not before the last one has answered");
    table.open("x", nth(workers, 1).handle);
    t.strictSame(answers, [], "its notice comes with its answer");
    answer(nth(workers, 1));
    t.strictSame(answers, [1]);
  },
);

t.test("a sid that nobody has is answered with nobody, once", async (t) => {
  const { workers, ask, answer, answers, timers } = setUp(t, 2);
  ask("made-up");
  for (const worker of workers) answer(worker);
  for (const worker of workers) answer(worker);
  t.strictSame(answers, [null]);
  t.strictSame(timers.delays, [], "no timer is left");
});

t.test("an answer to another round does not count", async (t) => {
  const { workers, directory, ask, answers } = setUp(t, 1);
  ask("x");
  const { handle, lastSync } = nth(workers, 0);
  directory.answered(handle, lastSync + 1);
  directory.answered(handle, lastSync - 1);
  t.strictSame(answers, []);
  directory.answered(handle, lastSync);
  t.strictSame(answers, [null]);
});

t.test("one that answers twice does not answer for another", async (t) => {
  const { workers, ask, answer, answers } = setUp(t, 2);
  ask("x");
  answer(nth(workers, 0));
  answer(nth(workers, 0));
  t.strictSame(answers, []);
});

t.test("R8: a worker that is gone has answered", async (t) => {
  const { workers, directory, ask, answer, answers } = setUp(t, 3);
  ask("x");
  answer(nth(workers, 0));
  directory.gone(nth(workers, 1).handle);
  t.strictSame(answers, []);
  directory.gone(nth(workers, 2).handle);
  t.strictSame(answers, [null]);
  t.doesNotThrow(() => directory.gone(nth(workers, 0).handle), "also without a round");
});

t.test("without workers the answer is at once", async (t) => {
  const { ask, answers, timers } = setUp(t, 0);
  ask("x");
  t.strictSame(answers, [null]);
  t.strictSame(timers.delays, []);
});

t.test("questions during a round wait for the next one", async (t) => {
  const { table, workers, ask, answer, answers } = setUp(t, 1);
  const worker = nth(workers, 0);
  ask("first");
  ask("second");
  ask("third");
  t.equal(worker.syncs.length, 1);
  answer(worker);
  t.strictSame(answers, [null], "the present round began before the others were asked");
  t.equal(worker.syncs.length, 2, "one round for both");
  t.not(worker.syncs[0], worker.syncs[1], "with a number of its own");
  table.open("third", worker.handle);
  answer(worker);
  t.strictSame(answers, [null, null, 0], "in the order of the questions");
  t.equal(worker.syncs.length, 2);
});

t.test("1,000 questions with made-up sids cost two rounds", async (t) => {
  const { workers, ask, answer, answers } = setUp(t, 4);
  for (let index = 0; index < 1_000; index++) ask(`made-up-${index}`);
  t.strictSame(
    workers.map(({ syncs }) => syncs.length),
    [1, 1, 1, 1],
  );
  for (const worker of workers) answer(worker);
  t.equal(answers.length, 1);
  for (const worker of workers) answer(worker);
  t.equal(answers.length, 1_000);
  t.strictSame(
    workers.map(({ syncs }) => syncs.length),
    [2, 2, 2, 2],
  );
});

t.test("B3 a worker that does not answer is left out, until it does", async (t) => {
  const { timers, workers, ask, answer, answers } = setUp(t, 2);
  const [quick, slow] = [nth(workers, 0), nth(workers, 1)];
  ask("first");
  ask("second");
  answer(quick);
  t.strictSame(timers.delays, [SYNC_TIMEOUT]);
  timers.fire(SYNC_TIMEOUT - 1);
  t.strictSame(answers, []);
  timers.fire(SYNC_TIMEOUT);
  t.strictSame(answers, [null], "the round is over");
  t.equal(slow.syncs.length, 1, "the next one leaves it out");
  answer(quick);
  t.strictSame(answers, [null, null], "and does not wait for it");
  t.strictSame(timers.delays, []);
  answer(slow); // late
  ask("third");
  t.equal(slow.syncs.length, 2, "it is asked again");
  answer(quick);
  t.strictSame(answers, [null, null]);
  answer(slow);
  t.strictSame(answers, [null, null, null]);
});

t.test("B2 questions beyond the bound are answered by what is known", async (t) => {
  const { directory, answer, workers } = setUp(t, 1);
  let done = 0;
  for (let n = 0; n < MAX_ROUND_QUESTIONS + 2; n++) directory.afterSync(() => done++);
  t.equal(done, 1, "the first began a round, one was too many");
  answer(nth(workers, 0));
  answer(nth(workers, 0));
  t.equal(done, MAX_ROUND_QUESTIONS + 2);
});

t.test("a worker that answers while it is being asked", async (t) => {
  const { workers, directory, ask, answers } = setUp(t, 2);
  for (const worker of workers) worker.onSync = (id) => directory.answered(worker.handle, id);
  ask("x");
  ask("y");
  t.strictSame(answers, [null, null]);
  t.strictSame(
    workers.map(({ syncs }) => syncs.length),
    [2, 2],
  );
});

t.test("afterSync() waits for everybody as well", async (t) => {
  const { workers, directory, answer } = setUp(t, 2);
  let done = 0;
  directory.afterSync(() => done++);
  answer(nth(workers, 0));
  t.equal(done, 0);
  answer(nth(workers, 1));
  t.equal(done, 1);
});

t.test("questions that an answer asks are answered too", async (t) => {
  const { workers, directory, answer } = setUp(t, 1);
  const worker = nth(workers, 0);
  const done: string[] = [];
  const askAgain = (name: string) => (): void => {
    done.push(name);
    directory.afterSync(() => done.push(`${name} again`));
  };
  directory.afterSync(askAgain("first"));
  directory.afterSync(askAgain("second"));
  directory.afterSync(askAgain("third"));
  // At most one round is under way, so the worker's latest is the only one to answer.
  for (let round = 0; round < 5; round++) answer(worker);
  t.strictSame(done.sort(), [
    "first",
    "first again",
    "second",
    "second again",
    "third",
    "third again",
  ]);
});
