import { setTimeout } from "node:timers/promises";
import t from "tap";
import { VitalsMeter } from "../../../../src/worker/health/vitals.js";

t.test("eventLoopDelay is how late the loop was, not the timer's resolution", async (t) => {
  const meter = new VitalsMeter();
  // The best of several: a busy machine makes any loop late now and then.
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 10 && least >= 15; n++) {
    await setTimeout(200);
    least = Math.min(least, meter.read().eventLoopDelay);
  }
  t.ok(least < 15, `an idle loop: ${least} ms`);
  for (const [before, after] of [
    [0, 50], // right after a heartbeat
    [50, 50],
    [50, 0], // and right before the next
  ] as const) {
    meter.read();
    await setTimeout(before);
    const end = performance.now() + 150;
    while (performance.now() < end);
    if (after > 0) await setTimeout(after);
    const { eventLoopDelay } = meter.read();
    t.ok(eventLoopDelay > 120, `a loop that was busy for 150 ms: ${eventLoopDelay} ms`);
  }
});

t.test("B4 without a descriptor for /proc the last figure of memory stands", async (t) => {
  let fails = true;
  const meter = new VitalsMeter(() => {
    if (fails) throw Object.assign(new Error("uv_resident_set_memory"), { code: "EMFILE" });
    return 4_711;
  });
  t.ok(meter.read().rss > 1_000_000, "what the process has had at the most");
  fails = false;
  t.equal(meter.read().rss, 4_711);
  fails = true;
  t.equal(meter.read().rss, 4_711);
});
