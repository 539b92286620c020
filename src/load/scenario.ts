import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterControl } from "./cluster-watch.js";
import type { Scenario } from "./options.js";
import { random } from "./schedule.js";

/** What was done to the cluster, and when. */
export interface ScenarioEvent {
  /** s after the measurement began */
  at: number;
  what: string;
}

export interface ScenarioSetup {
  scenario: Scenario;
  control: ClusterControl;
  /** ms that are measured. */
  duration: number;
  seed: number;
  signal: AbortSignal;
  tell(what: string): void;
  /** Ends a process at once. */
  kill(pid: number): void;
}

/** Does it, within the time that is measured; resolves when the cluster has settled. */
export async function playScenario(setup: ScenarioSetup): Promise<void> {
  const { scenario, signal } = setup;
  try {
    if (scenario === "reload") await reload(setup);
    else if (scenario === "kill") await killWorkers(setup);
    else await scale(setup);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function reload({ control, duration, signal, tell }: ScenarioSetup): Promise<void> {
  await sleep(duration / 10, undefined, { signal });
  tell("reload began");
  await Promise.race([control.reload(), aborted(signal)]);
  tell("reload done");
}

/** A worker each at a quarter, a half and three quarters of the time. */
async function killWorkers(setup: ScenarioSetup): Promise<void> {
  const { control, duration, signal, tell, kill, seed } = setup;
  for (let n = 0; n < 3; n++) {
    await sleep(duration / 4, undefined, { signal });
    const { workers } = await control.status();
    const ready = workers.filter(({ state, pid }) => state === "ready" && pid !== undefined);
    const worker = ready[Math.floor(random(seed, 4, n) * ready.length)];
    if (worker?.pid === undefined) {
      tell("no worker was ready to be killed");
      continue;
    }
    kill(worker.pid);
    tell(`worker ${worker.pid} was killed, with ${worker.sessions} sessions`);
  }
}

/** One worker more at a third of the time, and as many as before at two thirds. */
async function scale({ control, duration, signal, tell }: ScenarioSetup): Promise<void> {
  const { count } = await control.status();
  await sleep(duration / 3, undefined, { signal });
  try {
    await control.scale(count + 1);
    tell(`scaled to ${count + 1} workers`);
    await sleep(duration / 3, undefined, { signal });
  } finally {
    // However the test ends, the cluster is left as it was.
    await control.scale(count);
    tell(`scaled to ${count} workers`);
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
