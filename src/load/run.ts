import { setTimeout as sleep } from "node:timers/promises";
import { type ClusterControl, ClusterWatch } from "./cluster-watch.js";
import { LoadError } from "./errors.js";
import { Generators } from "./generators.js";
import type { LoadOptions, Scenario } from "./options.js";
import { buildReport, type Report } from "./report.js";
import type { Progress, Tally } from "./result.js";
import { playScenario, type ScenarioEvent } from "./scenario.js";
import { monotonic } from "./swarm.js";

export interface Run {
  options: LoadOptions;
  address: string;
  sources: string[];
  control: ClusterControl | undefined;
  scenario: Scenario | undefined;
  /** Aborts when the report so far is wanted. */
  signal: AbortSignal;
  /** Once a second, with what each process has to say; ms after the start. */
  onProgress(progress: Progress[], elapsed: number): void;
  onEvent(event: ScenarioEvent): void;
}

/** ms from the order to start until the start, so that it reaches all processes before. */
const LEAD = 200;

/** @throws LoadError when the test cannot run */
export async function runLoad(run: Run): Promise<Report> {
  const { options, address, sources, control } = run;
  const generators = new Generators(options.processes);
  try {
    await generators.ask(
      (index) => ({ type: "setup", options, index, address, sources }),
      "loaded",
    );
    const [probed] = await generators.ask(() => ({ type: "probe" }), "probed", 1);
    const worker = probed?.server.worker ?? null;
    if (control && worker !== null) await checkCluster(control, worker, options.url);
    const startsAt = monotonic() + LEAD;
    generators.tell({ type: "start", at: startsAt, asksWorker: worker !== null });
    const progress = setInterval(() => {
      run.onProgress(generators.takeProgress(), monotonic() - startsAt);
    }, 1_000);
    try {
      return await measure(run, generators, startsAt);
    } finally {
      clearInterval(progress);
    }
  } finally {
    generators.end();
  }
}

async function measure(run: Run, generators: Generators, startsAt: number): Promise<Report> {
  const { options, control, signal } = run;
  const measuresFrom = startsAt + options.ramp + options.warmUp;
  const events: ScenarioEvent[] = [];
  const tell = (what: string): void => {
    const event = { at: (monotonic() - measuresFrom) / 1_000, what };
    events.push(event);
    run.onEvent(event);
  };
  await sleep(measuresFrom - monotonic(), undefined, { signal }).catch(() => {});
  const watch = control ? new ClusterWatch(control) : undefined;
  await watch?.start();
  const [failure] = await Promise.all([
    play(run, tell),
    sleep(measuresFrom + options.duration - monotonic(), undefined, { signal }).catch(() => {}),
  ]);
  const measured = Math.max(0, monotonic() - measuresFrom);
  const processes = (await watch?.stop()) ?? [];
  const sessions = await sessionsOf(control);
  const { aborted: interrupted } = signal;
  const grace = interrupted ? 0 : options.grace;
  const stopped = await generators.ask(() => ({ type: "stop", grace }), "stopped");
  const broadcasts = stopped.flatMap((it) => it.broadcasts);
  const results = await generators.ask(() => ({ type: "settle", broadcasts, grace }), "result");
  return buildReport({
    options,
    measured,
    interrupted,
    sessions,
    processes,
    events,
    results: results.map(({ result }) => result),
    problems: [...generators.deaths, ...(failure === undefined ? [] : [failure])],
  });
}

/** @returns what went wrong, if something did: what users saw of it matters all the more */
async function play(
  { scenario, control, options, signal }: Run,
  tell: (what: string) => void,
): Promise<string | undefined> {
  if (!scenario || !control || signal.aborted) return undefined;
  const { duration, seed } = options;
  const kill = (pid: number): void => void process.kill(pid, "SIGKILL");
  try {
    await playScenario({ scenario, control, duration, seed, signal, tell, kill });
    return undefined;
  } catch (error) {
    return `the scenario ${scenario} failed: ${(error as Error).message}`;
  }
}

/** Sessions by pid; `undefined` if nobody can say. */
async function sessionsOf(control: ClusterControl | undefined): Promise<Tally | undefined> {
  const state = await control?.status().catch(() => undefined);
  if (!state) return undefined;
  return Object.fromEntries(state.workers.map(({ pid, sessions }) => [String(pid), sessions]));
}

/** A scenario must not reload, or kill, workers that have nothing to do with the test. */
async function checkCluster(control: ClusterControl, worker: number, url: string): Promise<void> {
  const { workers } = await control.status();
  if (workers.some(({ pid }) => pid === worker)) return;
  throw new LoadError(
    `${url} is answered by process ${worker}, which is no worker of the cluster that --name or ` +
      "--socket says. Correct one of them.",
  );
}
