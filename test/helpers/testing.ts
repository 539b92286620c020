import { isDeepStrictEqual } from "node:util";
import type { Test } from "tap";
import type { TestCluster } from "../../src/testing/index.js";

/** The package's `socket-supervisor/testing`, as users import it: what was built. */
const name = "socket-supervisor/testing";

export const testing: typeof import("../../src/testing/index.js") = await import(name);

/** Fails if the workers do not get to have these numbers of sessions; the primary learns them late. */
export async function hasSessions(t: Test, cluster: TestCluster, expected: number[]) {
  const end = performance.now() + 10_000;
  for (;;) {
    const sessions = (await cluster.status()).workers.map((worker) => worker.sessions);
    if (!isDeepStrictEqual(sessions, expected) && performance.now() < end) continue;
    t.strictSame(sessions, expected, "sessions of the workers");
    return;
  }
}
