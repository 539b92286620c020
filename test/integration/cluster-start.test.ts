import t from "tap";
import { startCluster } from "../helpers/cluster.js";

t.test("C1 workers that are busy while they start do not hold up each other", async (t) => {
  const start = performance.now();
  await startCluster(t, { exec: "busy-start.js" });
  const ms = performance.now() - start;
  // An adapter that is new waits until all workers were heard; one that is not heard costs 5 s.
  t.ok(ms < 4_000, `all are ready after ${Math.round(ms)} ms`);
});
