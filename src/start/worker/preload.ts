/**
 * Runs in every worker of `socket-supervisor start`, before the application (Node's `--import`).
 * Threads and processes that the application starts inherit the flag, and are none of its concern.
 */
import cluster from "node:cluster";
import { isMainThread } from "node:worker_threads";

if (cluster.isWorker && isMainThread) {
  const { shareServers } = await import("./share-servers.js");
  const { tellLoaded } = await import("../../worker/tell-loaded.js");
  shareServers();
  // It may open other ports than those of its HTTP servers, and before them.
  tellLoaded();
}
