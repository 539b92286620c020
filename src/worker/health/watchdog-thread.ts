/** The watchdog's own thread: see watchdog.ts. */
import { readdirSync, rmdirSync, rmSync, writeSync } from "node:fs";
import { type Debugger, Session } from "node:inspector";
import { dirname, join } from "node:path";
import { workerData } from "node:worker_threads";
import type { WatchdogData } from "./watchdog.js";

const INTERVAL = 250;

/** How long the main thread may take to end by itself when the primary is gone (ms). */
const ORPHAN_GRACE = 1_500;

/** How many frames of the stack are told. */
const FRAMES = 10;

const { parent, gateway, stuckAfter, beats } = workerData as WatchdogData;
const counter = new Int32Array(beats);

let lastBeat = Atomics.load(counter, 0);
let lastChange = performance.now();
let orphanedAt: number | undefined;
let hasTold = false;

setInterval(() => {
  const now = performance.now();
  // The kernel gives an orphan another parent.
  if (process.ppid !== parent) {
    orphanedAt ??= now;
    if (now - orphanedAt >= ORPHAN_GRACE) endOrphan();
  }
  const beat = Atomics.load(counter, 0);
  if (beat !== lastBeat) {
    lastBeat = beat;
    lastChange = now;
    hasTold = false;
  } else if (now - lastChange >= stuckAfter && !hasTold) {
    hasTold = true;
    tellWhereItIsStuck(now - lastChange);
  }
}, INTERVAL);

/** Nobody else is left to remove the sockets of this process: the gateway's, and the mesh's. */
function endOrphan(): void {
  if (gateway !== null) {
    const dir = dirname(gateway);
    try {
      for (const name of readdirSync(dir)) {
        if (name.startsWith(`${process.pid}-`)) rmSync(join(dir, name), { force: true });
      }
      rmdirSync(dir);
    } catch {
      // Other workers' sockets are in it still: the last one removes it.
    }
  }
  process.kill(process.pid, "SIGKILL");
}

/** URL of the main thread's own inspector, if it is open. */
const INSPECTOR_URL = `globalThis.process?.getBuiltinModule("node:inspector").url()`;

/**
 * Stops the main thread for a moment, as a debugger does, and writes its stack to stderr.
 *
 * Not when there may be a debugger: who looks at a breakpoint knows where it stands, and ours
 * would let it go on.
 */
function tellWhereItIsStuck(silentFor: number): void {
  const session = new Session();
  session.connectToMainThread();
  session.post("Runtime.evaluate", { expression: INSPECTOR_URL }, (_, answer) => {
    if (typeof answer?.result.value !== "string") {
      stopAndTell(session, silentFor);
      return;
    }
    session.disconnect();
    // It is looked at again after the same time.
    lastChange = performance.now();
    hasTold = false;
  });
}

function stopAndTell(session: Session, silentFor: number): void {
  // A frame names its script by id only; all scripts are told when the debugger is enabled.
  const urls = new Map<string, string>();
  session.on("Debugger.scriptParsed", ({ params }) => urls.set(params.scriptId, params.url));
  session.on("Debugger.paused", ({ params }) => {
    const frames = params.callFrames.slice(0, FRAMES).map((frame) => describe(frame, urls));
    const head = `[socket-supervisor] worker ${process.pid}: its event loop has been blocked for`;
    writeSync(2, `${head} ${(silentFor / 1_000).toFixed(1)} s, in\n${frames.join("\n")}\n`);
    session.post("Debugger.resume", () => session.disconnect());
  });
  session.post("Debugger.enable", () => session.post("Debugger.pause"));
}

function describe(frame: Debugger.CallFrame, urls: ReadonlyMap<string, string>): string {
  const { scriptId, lineNumber } = frame.location;
  const file = urls.get(scriptId) || "(no file)";
  return `    at ${frame.functionName || "(anonymous)"} (${file}:${lineNumber + 1})`;
}
