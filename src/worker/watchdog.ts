import { Worker } from "node:worker_threads";

/** What the watchdog thread is given. */
export interface WatchdogData {
  parent: number;
  /** Path of the gateway's socket, or `null`. */
  gateway: string | null;
  /** ms that the event loop may stand still before the thread says where. */
  stuckAfter: number;
  /** One counter, raised by the main thread while its event loop turns. */
  beats: SharedArrayBuffer;
}

/** ms between two beats. */
const INTERVAL = 250;

/**
 * Starts a thread that does what a blocked event loop cannot: end this process when the primary
 * is gone (S6), and tell where the JavaScript is stuck (S4).
 */
export function startWatchdog(gateway: string | null, stuckAfter: number): void {
  const beats = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const counter = new Int32Array(beats);
  setInterval(() => Atomics.add(counter, 0, 1), INTERVAL).unref();
  const workerData: WatchdogData = { parent: process.ppid, gateway, stuckAfter, beats };
  const thread = new Worker(new URL("./watchdog-thread.js", import.meta.url), {
    workerData,
    // Without the application's loaders and preloads: it is a small file of ours.
    execArgv: [],
    name: "socket-supervisor watchdog",
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 },
  });
  thread.unref();
  thread.on("error", (error) => process.emitWarning(error));
}
