import { EventEmitter } from "node:events";
import t from "tap";
import { Membership } from "../../../../src/primary/mesh/membership.js";
import type { WorkerHandle } from "../../../../src/primary/workers/worker-handle.js";
import type { WorkerRegistry } from "../../../../src/primary/workers/worker-registry.js";
import { type PeerQueue, PROTOCOL } from "../../../../src/protocol/mesh-messages.js";
import type { ToPrimary, ToWorker } from "../../../../src/protocol/messages.js";

/** A worker, as the membership sees it. */
class FakeWorker {
  state = "starting";
  readonly told: ToWorker[] = [];
  readonly waiting = new Map<unknown, number>();
  notes = "";

  constructor(readonly pid: number) {}

  send(message: ToWorker): void {
    this.told.push(message);
  }

  waitsIn(other: unknown, bytes: number): void {
    this.waiting.set(other, bytes);
  }

  readonly signals: string[] = [];

  signal(name: string): void {
    this.signals.push(name);
  }

  note(text: string): void {
    this.notes += text;
  }
}

class FakeRegistry extends EventEmitter {
  readonly givenUp: [FakeWorker, string][] = [];

  giveUp(worker: FakeWorker, why: string): void {
    this.givenUp.push([worker, why]);
  }

  setState(worker: FakeWorker, state: string): void {
    worker.state = state;
    if (state === "dead") this.emit("gone", worker);
  }

  say(worker: FakeWorker, message: ToPrimary): void {
    this.emit("message", worker as unknown as WorkerHandle, message);
  }
}

function started() {
  const registry = new FakeRegistry();
  new Membership(registry as unknown as WorkerRegistry);
  const workers = [1, 2, 3].map((pid) => new FakeWorker(pid)) as [
    FakeWorker,
    FakeWorker,
    FakeWorker,
  ];
  for (const worker of workers) {
    registry.say(worker, { type: "supervisor:hello", protocol: PROTOCOL });
    registry.say(worker, { type: "supervisor:mesh-enter", address: `/m${worker.pid}` });
  }
  return { registry, workers };
}

t.test("M4 of any two, one learns of the other as of somebody who is there", async (t) => {
  const { workers } = started();
  const [a, b, c] = workers;
  t.match(a.told, [
    { type: "supervisor:mesh", id: 1, members: [] },
    { type: "supervisor:mesh-joined", id: 2, address: "/m2" },
    { type: "supervisor:mesh-joined", id: 3, address: "/m3" },
  ]);
  t.match(b.told, [
    { type: "supervisor:mesh", id: 2, members: [{ id: 1, address: "/m1" }] },
    { type: "supervisor:mesh-joined", id: 3 },
  ]);
  t.match(c.told, [{ members: [{ id: 1 }, { id: 2 }] }]);
  const keys = workers.map(({ told }) => (told[0] as { key?: string }).key);
  t.equal(new Set(keys).size, 1, "they share a key");
});

t.test("M4 a worker that is gone is told of, and never again", async (t) => {
  const { registry, workers } = started();
  const [a, b, c] = workers;
  registry.setState(b, "dead");
  for (const worker of [a, c]) t.match(worker.told.at(-1), { type: "supervisor:mesh-gone", id: 2 });
  registry.say(b, { type: "supervisor:mesh-enter", address: "/again" });
  t.equal(a.told.length, 4, "late messages of it change nothing");
});

t.test("B2 a worker that another one has given up cannot stay", async (t) => {
  const { registry, workers } = started();
  const [a, b, c] = workers;
  registry.say(a, { type: "supervisor:mesh-stuck", id: 2, why: "does not read" });
  registry.say(c, { type: "supervisor:mesh-stuck", id: 99, why: "does not read" });
  t.strictSame(registry.givenUp, [[b, "does not read, says worker 1"]]);
});

t.test("what waits for a worker in others is added up from what they tell", async (t) => {
  const { registry, workers } = started();
  const [a, b, c] = workers;
  const beats = (worker: FakeWorker, queues?: PeerQueue[]): void =>
    registry.say(worker, {
      type: "supervisor:heartbeat",
      eventLoopUtilization: 0,
      eventLoopDelay: 0,
      rss: 1,
      cpuTime: 0,
      ...(queues && { queues }),
    });
  for (const worker of workers) beats(worker);
  t.strictSame(
    workers.map(({ waiting }) => waiting.size),
    [0, 0, 0],
    "where nothing waits, nothing is done",
  );
  beats(a, [[2, 100]]);
  beats(c, [
    [2, 50],
    [1, 7],
    [99, 1],
  ]);
  const waiting = (of: FakeWorker): unknown[] => [of.waiting.get(a) ?? 0, of.waiting.get(c) ?? 0];
  t.strictSame(
    [waiting(a), waiting(b), waiting(c)],
    [
      [0, 7],
      [100, 50],
      [0, 0],
    ],
  );
  beats(c, [[1, 8]]);
  t.strictSame(
    [waiting(a), waiting(b)],
    [
      [0, 8],
      [100, 0],
    ],
    "the latest counts",
  );
  beats(a);
  t.strictSame(waiting(b), [0, 0]);
  registry.setState(c, "dead");
  t.strictSame(waiting(a), [0, 0], "with a worker ends what waited in it");
});

t.test("M6 a worker of an earlier version is not mixed with those of the mesh", async (t) => {
  const { registry } = started();
  const old = new FakeWorker(4);
  const warning = new Promise<Error>((resolve) => process.once("warning", resolve));
  registry.say(old, { type: "supervisor:hello" });
  t.strictSame(old.signals, ["SIGTERM"]);
  t.match(old.notes, "restart the cluster");
  t.match(await warning, { code: "SUPERVISOR_PROTOCOL" });
});

t.test("M6 workers of an earlier version are by themselves", async (t) => {
  const registry = new FakeRegistry();
  new Membership(registry as unknown as WorkerRegistry);
  const old = new FakeWorker(1);
  registry.say(old, { type: "supervisor:hello" });
  t.strictSame(old.signals, []);
});
