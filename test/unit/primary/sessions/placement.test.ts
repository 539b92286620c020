import t from "tap";
import { Placement } from "../../../../src/primary/sessions/placement.js";
import { SessionTable } from "../../../../src/primary/sessions/session-table.js";
import type { WorkerHandle } from "../../../../src/primary/workers/worker-handle.js";

/** Placement looks at nothing of a worker: it only tells them apart. */
const fakeHandle = (): WorkerHandle => ({}) as unknown as WorkerHandle;

function setUp(count: number) {
  const sessions = new SessionTable<WorkerHandle>();
  const placement = new Placement(sessions);
  const workers = Array.from({ length: count }, fakeHandle);
  let lastSid = 0;
  return {
    sessions,
    workers,
    placement,
    /** The worker tells of `count` new sessions, for which it had reservations. */
    open(worker: WorkerHandle | undefined, count = 1): void {
      for (let index = 0; worker && index < count; index++) {
        sessions.open(`sid-${++lastSid}`, worker);
        placement.arrived(worker);
      }
    },
  };
}

/** How often each worker is in `picked`. */
const shares = (workers: WorkerHandle[], picked: (WorkerHandle | undefined)[]): number[] =>
  workers.map((worker) => picked.filter((item) => item === worker).length);

const times = <T>(count: number, run: () => T): T[] => Array.from({ length: count }, run);

t.test("R5: without a ready worker there is no place", async (t) => {
  const { placement } = setUp(0);
  t.equal(placement.forSession([], "least-connection"), undefined);
  t.equal(placement.forRequest([], "round-robin"), undefined);
});

t.test("R6: 400 handshakes at once spread though no session has opened yet", async (t) => {
  const { placement, workers } = setUp(3);
  const picked = times(400, () => placement.forSession(workers, "least-connection"));
  t.strictSame(shares(workers, picked).sort(), [133, 133, 134]);
});

t.test("R6: a session counts once: first as a reservation, then itself", async (t) => {
  const { placement, workers, open } = setUp(2);
  const picked = times(400, () => {
    const worker = placement.forSession(workers, "least-connection");
    open(worker);
    return worker;
  });
  t.strictSame(shares(workers, picked), [200, 200]);
});

t.test("R6: a worker with fewer sessions catches up", async (t) => {
  const { placement, workers, open } = setUp(2);
  open(workers[0], 100);
  const picked = times(100, () => placement.forSession(workers, "least-connection"));
  t.strictSame(shares(workers, picked), [0, 100]);
});

t.test("R5: only those that are given as ready are chosen", async (t) => {
  const { placement, workers, open } = setUp(3);
  const ready = workers.slice(0, 2);
  open(ready[0], 50);
  open(ready[1], 50);
  for (const method of ["least-connection", "round-robin", "random"] as const) {
    const picked = times(50, () => placement.forSession(ready, method));
    picked.push(...times(50, () => placement.forRequest(ready, method)));
    t.equal(picked.filter((worker) => worker === workers[2]).length, 0, method);
  }
});

t.test("requests take turns, whatever the load, and are none", async (t) => {
  const { placement, workers, open } = setUp(2);
  open(workers[0], 10);
  for (const method of ["least-connection", "round-robin"] as const) {
    const picked = times(10, () => placement.forRequest(workers, method));
    t.strictSame(shares(workers, picked), [5, 5], method);
  }
  const sessions = times(10, () => placement.forSession(workers, "least-connection"));
  t.strictSame(shares(workers, sessions), [0, 10], "they did not count as sessions");
});

t.test("requests and sessions do not take each other's turns", async (t) => {
  const { placement, workers } = setUp(2);
  // One of each in turn, as pages do that load and then connect.
  const sessions = times(10, () => {
    placement.forRequest(workers, "round-robin");
    return placement.forSession(workers, "round-robin");
  });
  t.strictSame(shares(workers, sessions), [5, 5]);
});

t.test("a handshake on a used connection stays where it is, in balance", async (t) => {
  const { placement, workers } = setUp(2);
  const [first] = workers as [WorkerHandle];
  t.equal(placement.forSessionAt(first, workers), first);
});

t.test("R6: and moves, out of balance", async (t) => {
  const { placement, workers, open } = setUp(2);
  const [first, second] = workers as [WorkerHandle, WorkerHandle];
  open(first, 20);
  t.equal(placement.forSessionAt(first, workers), second);
  const picked = times(400, () => placement.forSessionAt(first, workers));
  const [ofFirst = 0, ofSecond = 0] = shares(workers, picked);
  t.ok(Math.abs(20 + ofFirst - (1 + ofSecond)) <= 8, `${20 + ofFirst}, ${1 + ofSecond}`);
});

t.test("R5: a worker that is not ready opens none, unless nobody else can", async (t) => {
  const { placement, workers } = setUp(2);
  const [cordoned, other] = workers as [WorkerHandle, WorkerHandle];
  t.equal(placement.forSessionAt(cordoned, [other]), other);
  t.equal(placement.forSessionAt(cordoned, []), cordoned, "the client got this far already");
});
