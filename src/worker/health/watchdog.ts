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

/** How long the process goes without a thread that has failed (ms). */
const RESTART_PAUSE = 10_000;

/**
 * Starts a thread that does what a blocked event loop cannot: end this process when the primary
 * is gone (S6), and tell where the JavaScript is stuck (S4).
 */
export function startWatchdog(gateway: string | null, stuckAfter: number): void {
  const beats = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const counter = new Int32Array(beats);
  setInterval(() => Atomics.add(counter, 0, 1), INTERVAL).unref();
  startThread({ parent: process.ppid, gateway, stuckAfter, beats });
}

function startThread(workerData: WatchdogData): void {
  const thread = new Worker(new URL("./watchdog-thread.js", import.meta.url), {
    workerData,
    // Without the application's loaders and preloads: it is a small file of ours.
    execArgv: [],
    name: "socket-supervisor watchdog",
    // Young objects are most of what it makes, so this keeps it small. The old ones need room: Node
    // alone takes 5 to 8 MB, and a debugger is told of every script, with its source map.
    resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 2 },
  });
  thread.unref();
  thread.on("error", (error) => {
    process.emitWarning(error);
    setTimeout(() => startThread(workerData), RESTART_PAUSE).unref();
  });
}
