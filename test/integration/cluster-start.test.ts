import t from "tap";
import { startCluster } from "../helpers/cluster.js";

t.test("C1 workers that are busy while they start do not hold up each other", async (t) => {
  const timed = async (exec: string): Promise<number> => {
    const start = performance.now();
    await startCluster(t, { exec });
    return performance.now() - start;
  };
  const usual = await timed("worker.js");
  const busy = await timed("busy-start.js");
  // An adapter that is new waits until all workers were heard; one that is not heard costs 5 s.
  t.ok(busy - usual < 4_500, `${Math.round(busy)} ms, and ${Math.round(usual)} without being busy`);
});
