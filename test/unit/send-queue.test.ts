import t from "tap";
import { measuredOnce, SendQueue, sizeOf } from "../../src/send-queue.js";

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
