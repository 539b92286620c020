import cluster, { type Worker } from "node:cluster";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
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

t.test("states of workers can be observed", async (t) => {
  const told: unknown[] = [];
  const onState = (message: unknown) => told.push(message);
  subscribe("socket-supervisor:worker-state", onState);
  t.teardown(() => unsubscribe("socket-supervisor:worker-state", onState));
  const { registry } = setUp(t);
  const handle = registry.register(fakeWorker(), { generation: 2 });
  registry.adopted(handle);
  registry.setState(handle, "dead");
  registry.setState(handle, "ready");
  const common = { version: 1, pid: handle.pid, generation: 2 };
  t.strictSame(told, [
    { ...common, state: "starting", before: undefined },
    { ...common, state: "ready", before: "starting" },
    { ...common, state: "dead", before: "ready" },
  ]);
});

t.test("S1: once a worker of a new generation is ready, it alone gets new sessions", async (t) => {
  const { registry, addReady } = setUp(t);
  const old = [addReady(), addReady()];
  t.strictSame(registry.newest, old);
  registry.prefer(1);
  const starting = registry.register(fakeWorker(), { generation: 1 });
  t.strictSame(registry.newest, old, "not while it starts");
  registry.adopted(starting);
  t.strictSame(registry.newest, [starting]);
  t.strictSame(registry.ready, [...old, starting], "the old ones still answer requests");
  registry.setState(starting, "hung");
  t.strictSame(registry.newest, old, "without it, the old ones do");
  registry.setState(starting, "ready");
  registry.prefer(0);
  t.strictSame(registry.newest, [...old, starting], "all, when the reload was abandoned");
});

/** A worker whose channel is behind: nothing that it is sent is ever written. */
function behind(): { worker: Worker; signals: string[]; sent: object[] } {
  const worker = fakeWorker();
  const [signals, sent]: [string[], object[]] = [[], []];
  const send = (message: object) => {
    sent.push(message);
    return false;
  };
  const kill = (signal: string) => signals.push(signal);
  Object.assign(worker, { send });
  Object.assign(worker.process, { kill });
  return { worker, signals, sent };
}

t.test("B2 a worker for which more waits than may is killed, under a debugger too", async (t) => {
  const { registry, says } = setUp(t);
  registry.limitPlainQueues(1_000_000);
  const { worker, signals, sent } = behind();
  const handle = registry.register(worker);
  says(worker, { type: "supervisor:hello" });
  says(worker, { type: "supervisor:ready", gateway: null });
  says(worker, { type: "supervisor:inspector", url: "ws://127.0.0.1:9229/a", usr1Handlers: 0 });
  t.equal(handle.isInspected, true);
  const overflows: WorkerHandle[] = [];
  registry.on("overflow", (it) => overflows.push(it));
  const message = { payload: "x".repeat(300_000) };
  for (let n = 0; n < 4; n++) handle.send(message);
  t.equal(handle.state, "ready", "one message does not count: it may be larger than the bound");
  t.ok(handle.queue > 1_200_000, `${handle.queue}`);
  handle.send(message);
  t.strictSame(registry.ready, []);
  t.equal(handle.state, "stopping");
  t.strictSame(signals, ["SIGKILL"]);
  t.strictSame(overflows, [handle]);
  t.match(handle.closedFor, /does not read the 1 MB that wait for it/);
  t.ok(handle.queue > 1_400_000, "what waited is still told");
  registry.giveUp(handle, "is given up once more");
  t.strictSame(signals, ["SIGKILL"]);
  t.match(handle.closedFor, /does not read/);
  const count = sent.length;
  handle.send(message);
  t.equal(sent.length, count, "nothing more is sent to it");
  t.equal(overflows.length, 1);
});

t.test("B2 without a manager the end of such a worker is said as a warning", async (t) => {
  const { registry } = setUp(t);
  registry.limitPlainQueues(256 * 1_024);
  const { worker } = behind();
  const handle = registry.register(worker);
  const warning = new Promise<Error>((resolve) => process.once("warning", resolve));
  for (let n = 0; n < 4; n++) handle.send({ payload: "x".repeat(200_000) });
  t.match(await warning, { code: "SUPERVISOR_WORKER_BEHIND", message: /does not read the \d MB/ });
});
