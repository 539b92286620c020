import type { ClusterStatus } from "../manager-contract.js";

let lastRss = 0;

/** What this process uses. */
export function primaryStatus(): ClusterStatus["primary"] {
  const { user, system } = process.cpuUsage();
  try {
    lastRss = process.memoryUsage.rss();
  } catch {
    // Node reads /proc, for which a descriptor may be missing: the last figure stands.
  }
  return { rss: lastRss, cpuTime: (user + system) / 1e6 };
}
