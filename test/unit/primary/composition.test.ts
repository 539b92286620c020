import cluster, { type Worker } from "node:cluster";
import { EventEmitter } from "node:events";
import t, { type Test } from "tap";
import { composePrimary } from "../../../src/primary/composition.js";
import { WorkerRegistry } from "../../../src/primary/workers/worker-registry.js";

let lastId = 5_000;

type Sent = Record<string, unknown> & { type: string };

/** As much of a `node:cluster` worker as the primary looks at, with what it was sent. */
function fakeWorker(): Worker & { sent: Sent[] } {
  const id = ++lastId;
  const sent: Sent[] = [];
  return Object.assign(new EventEmitter(), {
    id,
    sent,
    process: Object.assign(new EventEmitter(), { pid: 10_000 + id }),
    isConnected: () => true,
    isDead: () => false,
    send: (message: Sent) => sent.push(message) > 0,
  }) as unknown as Worker & { sent: Sent[] };
}

/** A primary of its own; its listeners on `cluster` and its files go with the test. */
function setUp(t: Test) {
  const names = ["fork", "message", "listening", "disconnect", "exit"] as const;
  const before = new Map(names.map((name) => [name, cluster.rawListeners(name)]));
  const registry = new WorkerRegistry();
  const parts = composePrimary(registry);
  t.teardown(() => {
    parts.gateways.close();
    for (const name of names) {
      for (const listener of cluster.rawListeners(name)) {
        if (!before.get(name)?.includes(listener)) cluster.off(name, listener as () => void);
      }
    }
  });
  const says = (worker: Worker, message: unknown) => cluster.emit("message", worker, message);
  return { registry, parts, says };
}

t.test("R1 a worker that is gone opens no sessions any more, whatever arrives late", async (t) => {
  const { registry, parts, says } = setUp(t);
  const worker = fakeWorker();
  const handle = registry.register(worker);
  says(worker, { type: "sticky:connection", data: "early" });
  t.equal(parts.sessions.ownerOf("early"), handle);
  registry.setState(handle, "dead");
  t.equal(parts.sessions.ownerOf("early"), undefined);
  says(worker, { type: "sticky:connection", data: "late" });
  says(worker, { type: "supervisor:sessions", opened: ["later"], closed: [], refused: 0 });
  t.equal(parts.sessions.size, 0);
});

t.test("B6 each worker is told on which terms it runs", async (t) => {
  const { registry, parts, says } = setUp(t);
  const welcome = (terms?: Parameters<typeof registry.register>[1]) => {
    const worker = fakeWorker();
    registry.register(worker, terms);
    says(worker, { type: "supervisor:hello" });
    return worker.sent.find(({ type }) => type === "supervisor:welcome");
  };
  const managed = { managed: true, hangTimeout: 3_000 };
  t.match(welcome(), { managed: false, routing: "direct" }, "plain cluster.fork()");
  t.match(welcome(managed), { managed: true, hangTimeout: 3_000, routing: "direct" });
  parts.listeners.useRouting("upstream");
  t.match(welcome(managed), { routing: "upstream" }, "as the application's own server has it");
  t.match(welcome({ ...managed, routing: "direct" }), { routing: "direct" }, "or its manager's");
});
