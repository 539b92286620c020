import t from "tap";
import {
  MAX_SESSION_WAITERS,
  SessionWaiters,
} from "../../../../src/primary/upstream/session-waiters.js";

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

t.test("B2 beyond the bound nobody waits, until others have gone on", async (t) => {
  const waiters = new SessionWaiters();
  let went = 0;
  for (let n = 0; n < MAX_SESSION_WAITERS; n++) waiters.wait(`${n % 100}`, () => went++);
  t.equal(went, 0);
  waiters.wait("one too many", () => went++);
  t.equal(went, 1);
  waiters.announced("0");
  const before = went;
  waiters.wait("one more", () => went++);
  t.equal(went, before, "there is room again");
  for (let n = 0; n < 100; n++) waiters.announced(`${n}`);
  waiters.announced("one more");
  t.equal(went, MAX_SESSION_WAITERS + 2);
});
