import { serialize } from "node:v8";
import t from "tap";
import { measuredOnce, SendQueue, sizeOf } from "../../../src/system/send-queue.js";

/** A channel that is behind when told so, and writes when told so. */
function setUp() {
  const writes: (() => void)[] = [];
  const channel = { isBehind: false };
  const queue = new SendQueue((_message, written) => {
    writes.push(written);
    return !channel.isBehind;
  });
  return { queue, channel, write: () => writes.shift()?.() };
}

t.test("what a channel that keeps up was given is not measured", async (t) => {
  const { queue, write } = setUp();
  queue.send({}, () => {
    throw new Error("measured");
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
  queue.send({}, () => 1_000_000);
  queue.send({}, () => 10);
  t.equal(queue.bytes, 1_000_010);
  t.equal(queue.backlog, 10);
  write();
  write();
  queue.send({}, () => 20);
  queue.send({}, () => 20);
  t.equal(queue.backlog, 20, "the large one is forgotten with the queue");
});

t.test("a message for several is measured once", async (t) => {
  let reads = 0;
  const message = {
    get data() {
      reads++;
      return "x";
    },
  };
  const size = measuredOnce(message);
  t.equal(reads, 0);
  t.equal(size(), size());
  t.equal(reads, 1);
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
