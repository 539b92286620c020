import t from "tap";
import { AdapterRelay } from "../../../../src/primary/adapter/adapter-relay.js";
import type { WorkerHandle } from "../../../../src/primary/workers/worker-handle.js";
import { ADAPTER_SOURCE, AdapterType } from "../../../../src/protocol/adapter-messages.js";

class FakeWorker {
  state = "ready";
  readonly got: { type: number; uid: string }[] = [];

  send(message: { type: number; uid: string }): void {
    this.got.push(message);
  }

  get types(): number[] {
    return this.got.map(({ type }) => type);
  }
}

const opts = { rooms: [], except: [], flags: {} };
const packet = { type: 2, data: ["news"] };

/** Three workers; the uid of each one's adapter is its name. */
function setUp() {
  const relay = new AdapterRelay();
  const workers = { a: new FakeWorker(), b: new FakeWorker(), c: new FakeWorker() };
  const handle = (name: keyof typeof workers) => workers[name] as unknown as WorkerHandle;
  const say = (name: keyof typeof workers, type: number, rest: object = {}) =>
    relay.take(handle(name), { source: ADAPTER_SOURCE, uid: name, nsp: "/", type, ...rest });
  const forget = () => {
    for (const worker of Object.values(workers)) worker.got.length = 0;
  };
  return { relay, workers, handle, say, forget };
}

const greetAll = ({ say, forget }: ReturnType<typeof setUp>): void => {
  for (const name of ["a", "b", "c"] as const) say(name, AdapterType.INITIAL_HEARTBEAT);
  forget();
};

t.test("a message goes to all others", async (t) => {
  const all = setUp();
  greetAll(all);
  const { say, workers } = all;
  say("a", AdapterType.BROADCAST, { data: { packet, opts } });
  t.same(workers.a.types, []);
  t.same(workers.b.types, [AdapterType.BROADCAST]);
  t.same(workers.c.types, [AdapterType.BROADCAST]);
});

t.test("B2 an answer goes to the one that has asked: those of broadcasts, too", async (t) => {
  const all = setUp();
  greetAll(all);
  const { say, workers } = all;
  const requestId = "r";
  const answers: [number, object][] = [
    [AdapterType.FETCH_SOCKETS_RESPONSE, { requestId, sockets: [] }],
    [AdapterType.SERVER_SIDE_EMIT_RESPONSE, { requestId, packet: 1 }],
    [AdapterType.BROADCAST_CLIENT_COUNT, { requestId, clientCount: 1 }],
    [AdapterType.BROADCAST_ACK, { requestId, packet: 1 }],
  ];
  for (const [type, data] of answers) say("a", type, { requesterUid: "b", data });
  t.same(
    workers.b.types,
    answers.map(([type]) => type),
  );
  t.same(workers.c.types, []);
  say("a", AdapterType.BROADCAST_ACK, { requesterUid: "gone", data: { requestId } });
  t.equal(workers.b.got.length + workers.c.got.length, 4, "an asker that is gone gets none");
});

t.test("a worker whose adapter has not spoken gets nothing", async (t) => {
  const { say, workers } = setUp();
  say("a", AdapterType.INITIAL_HEARTBEAT);
  say("b", AdapterType.INITIAL_HEARTBEAT);
  say("a", AdapterType.BROADCAST, { data: { packet, opts } });
  t.same(workers.b.types, [AdapterType.BROADCAST]);
  t.same(workers.c.types, []);
});

t.test("C2 the end of a worker is told on its behalf, once for each adapter", async (t) => {
  const all = setUp();
  greetAll(all);
  const { say, workers, relay, handle } = all;
  say("a", AdapterType.INITIAL_HEARTBEAT, { uid: "a2", nsp: "/custom" });
  say("a", AdapterType.INITIAL_HEARTBEAT, { uid: "a3", nsp: "/over" });
  say("a", AdapterType.ADAPTER_CLOSE, { uid: "a3", nsp: "/over" });
  all.forget();
  workers.a.state = "dead";
  relay.gone(handle("a"));
  for (const worker of [workers.b, workers.c]) {
    t.same(worker.types, [AdapterType.ADAPTER_CLOSE, AdapterType.ADAPTER_CLOSE]);
    t.same(
      worker.got.map(({ uid }) => uid),
      ["a", "a2"],
    );
  }
  t.same(workers.a.got, []);
  // What it had sent before may still arrive.
  say("a", AdapterType.HEARTBEAT);
  say("b", AdapterType.HEARTBEAT);
  t.same(workers.a.got, []);
});

t.test("broken messages are relayed to nobody", async (t) => {
  const all = setUp();
  greetAll(all);
  const { say, workers, relay, handle } = all;
  say("a", AdapterType.BROADCAST);
  say("a", AdapterType.BROADCAST, { data: { packet } });
  say("a", 99, { data: {} });
  relay.take(handle("a"), null);
  t.equal(workers.b.got.length, 0);
});
