import { EventEmitter } from "node:events";
import t from "tap";
import { Membership } from "../../../../src/primary/mesh/membership.js";
import type { WorkerHandle } from "../../../../src/primary/workers/worker-handle.js";
import type { WorkerRegistry } from "../../../../src/primary/workers/worker-registry.js";
import { PROTOCOL } from "../../../../src/protocol/mesh-messages.js";
import type { ToPrimary, ToWorker } from "../../../../src/protocol/messages.js";

/** A worker, as the membership sees it. */
class FakeWorker {
  state = "starting";
  readonly told: ToWorker[] = [];
  readonly signals: string[] = [];
  notes = "";

  constructor(readonly pid: number) {}

  send(message: ToWorker): void {
    this.told.push(message);
  }

  signal(name: string): void {
    this.signals.push(name);
  }

  note(text: string): void {
    this.notes += text;
  }
}

class FakeRegistry extends EventEmitter {
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

t.test("B2 a worker that another one has given up is killed, once", async (t) => {
  const { registry, workers } = started();
  const [a, b, c] = workers;
  const warning = new Promise<Error>((resolve) => process.once("warning", resolve));
  registry.say(a, { type: "supervisor:mesh-stuck", id: 2, why: "does not read" });
  registry.say(c, { type: "supervisor:mesh-stuck", id: 2, why: "does not read" });
  registry.say(c, { type: "supervisor:mesh-stuck", id: 99, why: "does not read" });
  t.strictSame([a.signals, b.signals, c.signals], [[], ["SIGKILL"], []]);
  t.equal(b.state, "stopping");
  t.match(await warning, { code: "SUPERVISOR_WORKER_BEHIND" });
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
