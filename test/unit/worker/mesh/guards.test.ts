import { duplexPair } from "node:stream";
import t from "tap";
import { FrameError, Kind, newFrame } from "../../../../src/worker/mesh/frames.js";
import { readGreeting } from "../../../../src/worker/mesh/greeting.js";
import { Lane } from "../../../../src/worker/mesh/lane.js";

t.test("a greeting that says to be long is not waited for", async (t) => {
  const [near, far] = duplexPair();
  let greetings = 0;
  readGreeting(near, () => greetings++);
  far.write(newFrame(Kind.GREETING, 4_097).subarray(0, 5));
  while (!near.destroyed) await new Promise(setImmediate);
  t.equal(greetings, 0);
});

t.test("nobody has read what was not sent", async (t) => {
  const lane = new Lane({ onFrame() {}, onRead() {}, onAckDue() {}, onBreak() {} });
  for (const offset of [1, 2 ** 40, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => lane.heardAck(offset), FrameError, String(offset));
  }
  t.doesNotThrow(() => lane.heardAck(0));
});
