import { serialize } from "node:v8";
import t from "tap";
import { PackedMessages, packed } from "../../../src/system/packed-messages.js";

const MIB = 1024 * 1024;

t.test("messages of all sizes come out as they went in, in order", async (t) => {
  const queue = new PackedMessages();
  t.ok(queue.isEmpty);
  t.equal(queue.shift(), undefined);
  const sizes = [1, MIB - 200, 5, MIB + 1, 300_000, 3 * MIB, 0, 800_000, 400_000];
  const messages = sizes.map((size, n) => ({ n, text: "x".repeat(size), map: new Map([[n, n]]) }));
  let bytes = 0;
  for (const message of messages) {
    queue.push(packed(message));
    bytes += serialize(message).length;
    t.equal(queue.bytes, bytes);
  }
  for (const message of messages) {
    const next = queue.shift();
    t.strictSame(next?.message, message);
    t.equal(next?.size, serialize(message).length);
    // In between, as a worker that catches up has it.
    queue.push(packed({ again: message.n }));
  }
  for (const { n } of messages) t.strictSame(queue.shift()?.message, { again: n });
  t.ok(queue.isEmpty);
});

t.test("what was taken does not change when its memory is used again", async (t) => {
  const queue = new PackedMessages();
  queue.push(packed({ bytes: Buffer.alloc(1_000, 1) }));
  const first = queue.shift()?.message as { bytes: Buffer };
  queue.push(packed({ bytes: Buffer.alloc(1_000, 2) }));
  t.strictSame(first, { bytes: Buffer.alloc(1_000, 1) });
  t.strictSame(queue.shift()?.message, { bytes: Buffer.alloc(1_000, 2) });
});

t.test("B2 memory of one queue serves the next one, without the garbage collector", async (t) => {
  const message = packed({ payload: "x".repeat(200_000) });
  const fill = (): PackedMessages => {
    const queue = new PackedMessages();
    for (let n = 0; n < 100; n++) queue.push(message);
    return queue;
  };
  fill().clear();
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 20; n++) {
    const queue = fill();
    queue.clear();
    t.ok(queue.isEmpty);
    t.equal(queue.shift(), undefined);
  }
  const grown = process.memoryUsage().arrayBuffers - before;
  t.ok(grown < 2 * MIB, `twenty times 20 MB: ${grown}`);
  t.equal(fill().bytes, 100 * message.length);
});
