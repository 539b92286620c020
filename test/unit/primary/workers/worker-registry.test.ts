import cluster, { type Worker } from "node:cluster";
import { EventEmitter } from "node:events";
import t, { type Test } from "tap";
import type { WorkerHandle } from "../../../../src/primary/workers/worker-handle.js";
import { WorkerRegistry } from "../../../../src/primary/workers/worker-registry.js";

let lastId = 0;

/** As much of a `node:cluster` worker as the registry looks at; it has no process. */
function fakeWorker(): Worker {
  const id = ++lastId;
  return Object.assign(new EventEmitter(), {
    id,
    process: Object.assign(new EventEmitter(), { pid: 10_000 + id }),
    isConnected: () => true,
    isDead: () => false,
    send: () => true,
  }) as unknown as Worker;
}

/** A registry of its own; its listeners on `cluster` go with the test. */
function setUp(t: Test) {
  const names = ["fork", "message", "listening", "disconnect", "exit"] as const;
  const before = new Map(names.map((name) => [name, cluster.rawListeners(name)]));
  const registry = new WorkerRegistry();
  t.teardown(() => {
    for (const name of names) {
      for (const listener of cluster.rawListeners(name)) {
        if (!before.get(name)?.includes(listener)) cluster.off(name, listener as () => void);
      }
    }
  });
  const events: string[] = [];
  for (const name of ["forked", "ready", "gone", "exit"] as const) {
    registry.on(name, (handle: WorkerHandle) => events.push(`${name} ${handle.worker.id}`));
  }
  const says = (worker: Worker, message: unknown) => cluster.emit("message", worker, message);
  return {
    registry,
    events,
    says,
    /** A worker of ours that becomes ready. */
    addReady(generation = 0): WorkerHandle {
      const handle = registry.register(fakeWorker(), { generation });
      says(handle.worker, { type: "supervisor:hello" });
      says(handle.worker, { type: "supervisor:ready", gateway: `/tmp/${handle.worker.id}.sock` });
      return handle;
    },
  };
}

t.test("R5: a worker is ready when it says so, and not before", async (t) => {
  const { registry, says } = setUp(t);
  const handle = registry.register(fakeWorker());
  t.equal(handle.state, "starting");
  t.strictSame(registry.ready, []);
  says(handle.worker, { type: "supervisor:hello" });
  cluster.emit("listening", handle.worker, {} as never);
  says(handle.worker, "ready");
  t.strictSame(registry.ready, [], "it runs setupWorker(): listening says nothing");
  says(handle.worker, { type: "supervisor:ready", gateway: "/tmp/x.sock" });
  t.strictSame(registry.ready, [handle]);
  t.equal(handle.gateway, "/tmp/x.sock");
});

t.test("R5: in any other state it is not chosen", async (t) => {
  const { registry, addReady } = setUp(t);
  const [handle, other] = [addReady(), addReady()];
  for (const state of ["hung", "draining", "stopping", "dead"] as const) {
    registry.setState(handle, state);
    t.strictSame(registry.ready, [other], state);
    t.strictSame(registry.newest, [other], state);
  }
  registry.setState(handle, "ready");
  t.strictSame(registry.ready, [other], "nobody rises from the dead");
});

t.test("a plain worker is ready when it listens, or says so", async (t) => {
  const { registry, says } = setUp(t);
  const terms = { requiresAdoption: false };
  const listens = registry.register(fakeWorker(), terms);
  const tells = registry.register(fakeWorker(), terms);
  cluster.emit("listening", listens.worker, {} as never);
  says(tells.worker, "ready");
  t.strictSame([listens.state, tells.state], ["ready", "ready"]);
  t.strictSame(registry.ready, [], "R5: it does not take connections, so it gets none");
});

t.test("R5: where connections have to be adopted, listening is not enough", async (t) => {
  const { registry, says } = setUp(t);
  const handle = registry.register(fakeWorker(), { requiresAdoption: true });
  cluster.emit("listening", handle.worker, {} as never);
  says(handle.worker, "ready");
  t.equal(handle.state, "starting");
  registry.adopted(handle);
  t.strictSame(registry.ready, [handle]);

  const plain = registry.register(fakeWorker(), { requiresAdoption: false });
  cluster.emit("listening", plain.worker, {} as never);
  t.equal(plain.state, "ready", "that is for each manager's workers to say, not for all of them");
});

t.test("S5: foreign messages, unknown workers and late news do no harm", async (t) => {
  const { registry, says, events, addReady } = setUp(t);
  const handle = addReady();
  for (const message of [null, 1, "x", [], { type: "constructor" }, { cmd: "NODE_CLUSTER" }]) {
    t.doesNotThrow(() => says(handle.worker, message));
  }
  t.doesNotThrow(() => cluster.emit("exit", fakeWorker(), 1, ""));
  cluster.emit("exit", handle.worker, 1, "");
  events.length = 0;
  says(handle.worker, { type: "supervisor:ready", gateway: null });
  cluster.emit("disconnect", handle.worker);
  cluster.emit("exit", handle.worker, 1, "");
  t.strictSame(events, []);
  t.strictSame(registry.ready, []);
});

t.test("R8: it is gone once, before or with its exit", async (t) => {
  const { events, addReady } = setUp(t);
  const [first, second] = [addReady(), addReady()];
  events.length = 0;
  cluster.emit("disconnect", first.worker);
  cluster.emit("exit", first.worker, 0, "");
  cluster.emit("exit", second.worker, 0, "");
  const [a, b] = [first.worker.id, second.worker.id];
  t.strictSame(events, [`gone ${a}`, `exit ${a}`, `gone ${b}`, `exit ${b}`]);
});

t.test("S5: a process that could not be started ends with its error", async (t) => {
  const { registry, events } = setUp(t);
  const worker = fakeWorker();
  Object.assign(worker.process, { pid: undefined });
  const handle = registry.register(worker);
  worker.emit("error", new Error("spawn EAGAIN"));
  t.equal(handle.state, "dead");
  t.match(handle.startError, /EAGAIN/);
  t.ok(events.includes(`exit ${worker.id}`));
  const fine = registry.register(fakeWorker());
  t.doesNotThrow(() => fine.worker.emit("error", new Error("write EPIPE")));
  t.equal(fine.state, "starting", "an error of a live one is not its end");
});

t.test("a worker is known once", async (t) => {
  const { registry, events } = setUp(t);
  const worker = fakeWorker();
  const handle = registry.register(worker, { generation: 3 });
  cluster.emit("fork", worker);
  t.equal(registry.register(worker), handle);
  t.equal(handle.generation, 3);
  t.strictSame(events, [`forked ${worker.id}`]);
});

t.test("S1: once a worker of a new generation is ready, it alone gets new sessions", async (t) => {
  const { registry, addReady } = setUp(t);
  const old = [addReady(), addReady()];
  t.strictSame(registry.newest, old);
  registry.wantedGeneration = 1;
  const starting = registry.register(fakeWorker(), { generation: 1 });
  t.strictSame(registry.newest, old, "not while it starts");
  registry.adopted(starting);
  t.strictSame(registry.newest, [starting]);
  t.strictSame(registry.ready, [...old, starting], "the old ones still answer requests");
  registry.setState(starting, "hung");
  t.strictSame(registry.newest, old, "without it, the old ones do");
  registry.setState(starting, "ready");
  registry.wantedGeneration = 0;
  t.strictSame(registry.newest, [...old, starting], "all, when the reload was abandoned");
});
