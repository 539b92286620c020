import cluster from "node:cluster";
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** What a test may leave behind in its process, by name. */
type ProcessState = ReadonlyMap<string, string>;

/** How long a closed handle may take to be gone (ms). */
const SETTLES = 2_000;

/** What differs counts as left behind when it does so for all of `SETTLES`. */
export async function leftBehind(before: ProcessState): Promise<string[]> {
  const deadline = performance.now() + SETTLES;
  for (;;) {
    const differences = compare(before, processState());
    if (differences.length === 0 || performance.now() > deadline) return differences;
    await sleep(5);
  }
}

/** Listeners, globals, environment, what keeps the process alive, and the state of `node:cluster`. */
export function processState(): ProcessState {
  const state = new Map<string, string>();
  for (const [name, emitter] of [
    ["process", process],
    ["cluster", cluster],
  ] as const) {
    for (const event of emitter.eventNames()) {
      const count = EventEmitter.listenerCount(emitter as EventEmitter, event);
      state.set(`listeners of ${name} for ${String(event)}`, String(count));
    }
  }
  for (const key of Reflect.ownKeys(globalThis)) state.set(`global ${String(key)}`, "set");
  for (const [name, value] of Object.entries(process.env)) state.set(`env ${name}`, value ?? "");
  const resources = process.getActiveResourcesInfo().filter((name) => !IGNORED.test(name));
  for (const name of new Set(resources)) {
    state.set(name, String(resources.filter((other) => other === name).length));
  }
  state.set("working directory", process.cwd());
  state.set("cluster.workers", Object.keys(cluster.workers ?? {}).join());
  state.set("cluster.settings", JSON.stringify(cluster.settings));
  return state;
}

/** The process's own output, files that are read and the compiler's process come and go. */
const IGNORED = /^(TTYWrap|PipeWrap|FSReq|CloseReq|WriteWrap|ShutdownWrap|Immediate)/;

function compare(before: ProcessState, after: ProcessState): string[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => before.get(name) !== after.get(name))
    .map(
      (name) => `${name}: ${before.get(name) ?? "none"} before, ${after.get(name) ?? "none"} after`,
    );
}
