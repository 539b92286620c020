import cluster, { type Worker } from "node:cluster";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { EventEmitter, once } from "node:events";
import { PassThrough } from "node:stream";
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

t.test("the last words of a worker that did not boot are part of its end", async (t) => {
  const { registry } = setUp(t);
  const worker = fakeWorker();
  const stderr = new PassThrough();
  Object.assign(worker.process, { stderr });
  registry.register(worker);
  const exit = once(registry, "exit");
  cluster.emit("exit", worker, 1, "");
  stderr.end("the reason");
  const [, { stderr: said }] = await exit;
  t.equal(said, "the reason");

  const other = fakeWorker();
  Object.assign(other.process, { stderr: new PassThrough() }); // somebody else keeps it open
  registry.register(other);
  const soon = once(registry, "exit");
  cluster.emit("exit", other, 1, "");
  t.match((await soon)[1], { exitCode: 1, stderr: "" });
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
function behind() {
  const worker: Worker = fakeWorker();
  const [signals, sent]: [string[], object[]] = [[], []];
  const writes: (() => void)[] = [];
  const send = (message: object, written: () => void) => {
    sent.push(message);
    writes.push(written);
    return false;
  };
  const kill = (signal: string) => signals.push(signal);
  Object.assign(worker, { send });
  Object.assign(worker.process, { kill });
  return { worker, signals, sent, writes };
}

t.test("what waits for a worker is let go of with it, and when too much does", async (t) => {
  const { registry } = setUp(t);
  registry.limitPlainQueues(4_000_000);
  for (const end of ["gone", "too much"]) {
    const { worker, sent, writes } = behind();
    const handle = registry.register(worker);
    registry.on("overflow", () => {});
    for (let n = 0; n < 10; n++) handle.send({ n, payload: "x".repeat(300_000) });
    t.ok(sent.length > 2 && sent.length < 6, "some are given to Node");
    t.ok(handle.queue > 2_900_000, "and all wait");
    if (end === "gone") registry.setState(handle, "dead");
    else for (let n = 0; n < 10; n++) handle.send({ payload: "x".repeat(300_000) });
    const given = sent.length;
    for (const written of writes) written();
    t.equal(sent.length, given, `${end}: nothing more is given`);
  }
});

t.test("what waits for a worker in others belongs to its queue", async (t) => {
  const { registry, addReady } = setUp(t);
  const [handle, one, two] = [addReady(), addReady(), addReady()];
  handle.waitsIn(one, 100);
  handle.waitsIn(two, 50);
  t.equal(handle.queue, 150);
  t.equal(handle.backlog, 0, "but is not the primary's to judge");
  handle.waitsIn(one, 20);
  t.equal(handle.queue, 70);
  handle.waitsIn(two, 0);
  handle.countHandoffs(1, 7);
  t.equal(handle.queue, 27);
  t.strictSame(registry.ready, [handle, one, two]);
});

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
