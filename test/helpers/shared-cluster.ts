// By itself: who imports tap runs as a test, and benchmarks and the hostile harness use cluster.ts.
import file from "tap";
import { type ClusterSetup, startCluster, type TestCluster } from "./cluster.js";

const shared = new Map<string, Promise<TestCluster>>();

/**
 * One cluster for all tests of this file that want it with these settings; it ends with the file.
 * They leave it with the workers that it had. Sessions of other tests may still be there.
 */
export function sharedCluster(setup: ClusterSetup = {}): Promise<TestCluster> {
  const key = JSON.stringify(setup);
  const cluster = shared.get(key) ?? startCluster(file, setup);
  shared.set(key, cluster);
  return cluster;
}
