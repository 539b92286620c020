import t from "tap";
import { SessionWaiters } from "../../../../src/primary/upstream/session-waiters.js";

t.test("who waits goes on when the sid is announced, each once", async (t) => {
  const waiters = new SessionWaiters();
  const went: string[] = [];
  waiters.wait("a", () => went.push("first"));
  waiters.wait("a", () => went.push("second"));
  waiters.wait("b", () => went.push("other"));
  waiters.announced("a");
  t.same(went, ["first", "second"]);
  waiters.announced("a");
  waiters.announced("b");
  t.same(went, ["first", "second", "other"]);
});

t.test("nobody waits for ever", async (t) => {
  const waiters = new SessionWaiters();
  const start = performance.now();
  await new Promise<void>((resolve) => waiters.wait("never", resolve));
  t.ok(performance.now() - start >= 200);
  waiters.announced("never");
});
