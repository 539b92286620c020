import { serialize } from "node:v8";
import t from "tap";
import { Outgoing, SendQueue, sizeOf } from "../../../src/system/send-queue.js";

/** A channel that is behind when told so, and writes when told so. */
function setUp() {
  const writes: (() => void)[] = [];
  const given: object[] = [];
  const channel = { isBehind: false };
  const queue = new SendQueue((message, written) => {
    given.push(message);
    writes.push(written);
    return !channel.isBehind;
  });
  return { queue, channel, given, write: () => writes.shift()?.() };
}

t.test("what a channel that keeps up was given is not measured", async (t) => {
  const { queue, write } = setUp();
  queue.send({
    get payload() {
      return t.fail("measured");
    },
  });
  t.equal(queue.bytes, 0);
  write();
  t.equal(queue.bytes, 0);
});

t.test("B2 what waits is counted until it is written", async (t) => {
  const { queue, channel, write } = setUp();
  queue.send({ first: true });
  channel.isBehind = true;
  const message = { payload: "x".repeat(100_000) };
  const size = sizeOf(message);
  t.ok(size >= 100_000 && size < 101_000, `${size}`);
  for (let n = 0; n < 3; n++) queue.send(message);
  t.equal(queue.bytes, 3 * size);
  write(); // the first, which was not counted
  t.equal(queue.bytes, 3 * size);
  write();
  t.equal(queue.bytes, 2 * size);
  write();
  write();
  t.equal(queue.bytes, 0);
  t.equal(queue.backlog, 0);
});

t.test("one large message alone is no backlog", async (t) => {
  const { queue, channel, write } = setUp();
  channel.isBehind = true;
  const [large, small] = [{ payload: "x".repeat(900_000) }, { payload: "x" }];
  queue.send(large);
  queue.send(small);
  t.equal(queue.bytes, sizeOf(large) + sizeOf(small));
  t.equal(queue.backlog, sizeOf(small));
  write();
  write();
  queue.send(small);
  queue.send(small);
  t.equal(queue.backlog, sizeOf(small), "the large one is forgotten with the queue");
});

t.test("Node gets little of what waits; the rest follows in order as it is written", async (t) => {
  const { queue, channel, given, write } = setUp();
  channel.isBehind = true;
  const binary = Buffer.from("binary");
  const messageOf = (n: number) => ({ n, binary, payload: "x".repeat(n === 30 ? 3e6 : 1e5) });
  for (let n = 0; n < 50; n++) queue.send(messageOf(n));
  t.ok(given.length > 5 && given.length < 15, `${given.length} are given to Node`);
  const bytes = sizeOf(messageOf(0)) * 49 + sizeOf(messageOf(30));
  t.ok(Math.abs(queue.bytes - bytes) < bytes * 0.01, `${queue.bytes}, really ${bytes}`);
  t.ok(queue.backlog < queue.bytes - 3e6);
  const messages: unknown[] = [];
  while (given.length > 0) {
    t.ok(given.length < 15, "never more than a little");
    messages.push(given.shift());
    write();
  }
  t.strictSame(
    messages,
    Array.from({ length: 50 }, (_, n) => messageOf(n)),
  );
  t.equal(queue.bytes, 0);
  channel.isBehind = false;
  queue.send({ last: true });
  t.strictSame(given, [{ last: true }]);
});

t.test("what was not given to Node can be forgotten", async (t) => {
  const { queue, channel, given, write } = setUp();
  channel.isBehind = true;
  for (let n = 0; n < 50; n++) queue.send({ n, payload: "x".repeat(100_000) });
  const before = given.length;
  queue.clear();
  t.ok(queue.bytes > 0 && queue.bytes < 1.5e6, `${queue.bytes}`);
  for (let n = 0; n < before; n++) write();
  t.equal(given.length, before);
  t.equal(queue.bytes, 0);
});

t.test("a message for several is measured and serialized once", async (t) => {
  let reads = 0;
  const outgoing = new Outgoing({
    get data() {
      reads++;
      return "x";
    },
  });
  t.equal(reads, 0);
  t.equal(outgoing.size, outgoing.size);
  t.equal(reads, 1);
  t.equal(outgoing.bytes, outgoing.bytes);
  t.equal(reads, 2);
});

t.test("what cannot be serialized is thrown back, and nothing is counted", async (t) => {
  const queue = new SendQueue(() => {
    throw new Error("not cloneable");
  });
  t.throws(() => queue.send({}), "not cloneable");
  t.equal(queue.bytes, 0);
});

t.test("the size is about what serialization makes of it, whatever it is", async (t) => {
  const cycle: Record<string, unknown> = { name: "cycle" };
  cycle.self = cycle;
  const endless: unknown[] = [];
  endless.length = 2 ** 32 - 1;
  const messages = {
    text: { data: ["news", "x".repeat(50_000)] },
    bytes: { data: Buffer.alloc(50_000), buffer: new ArrayBuffer(10_000) },
    many: { rooms: Array.from({ length: 20_000 }, (_, n) => `room-number-${n}`) },
    nested: { map: new Map([["key", { deep: "y".repeat(10_000) }]]), set: new Set(["z"]) },
    cycle: { cycle, text: "x".repeat(10_000) },
  };
  for (const [name, message] of Object.entries(messages)) {
    const [size, real] = [sizeOf(message), serialize(message).byteLength];
    t.ok(size > real * 0.9 && size < real * 1.6, `${name}: ${size}, really ${real}`);
  }
  t.ok(sizeOf({ data: "\u6f22".repeat(10_000) }) >= 20_000, "never less for wide characters");
  t.ok(sizeOf({ endless, none: null, number: 1, nothing: undefined, big: 2n }) < 200);
});
