import type { ProcessUse } from "./cluster-watch.js";
import { type Latency, mergedLatency } from "./latency.js";
import type { LoadOptions } from "./options.js";
import {
  addCounts,
  type Counts,
  type GeneratorResult,
  type GeneratorVitals,
  httpErrors,
  LATENCIES,
  type LatencyName,
  type Question,
} from "./result.js";
import type { ScenarioEvent } from "./scenario.js";
import { failedUsers, type ScriptReport, scriptReport } from "./script/result.js";
import { type Tally, total } from "./tally.js";
import type { Moment } from "./timeline.js";

/** All that the test found; `--json` prints it. Durations in ms where nothing else is said. */
export interface Report extends Counts {
  options: Omit<LoadOptions, "ca" | "auth" | "headers">;
  /** What was asked of the server; `echo` counts the answers. */
  question: Question;
  /** s that were measured, after the warm-up. */
  seconds: number;
  interrupted: boolean;
  /** HTTP answers with status 400, of handshakes and of sessions. */
  badRequests: number;
  /** Failed handshakes, HTTP errors of sessions, answers that were wrong or came twice. */
  errors: number;
  /** Echoes, broadcasts and deliveries that never came. */
  lostMessages: number;
  latency: Record<LatencyName, Latency>;
  /** Sessions, or clients, of each worker; `undefined`: nobody could say. */
  spread: { by: "status" | "worker event"; workers: Tally } | undefined;
  /** What became of a script's users. */
  script: ScriptReport | undefined;
  /** Second by second. */
  timeline: readonly Moment[];
  processes: ProcessUse[];
  generators: GeneratorVitals[];
  events: ScenarioEvent[];
  /** Why the numbers may be the generators' rather than the server's. */
  warnings: string[];
  /** What went wrong with the test itself: a generator that died, a scenario that failed. */
  problems: string[];
}

export interface Findings {
  options: LoadOptions;
  question: Question;
  /** ms */
  measured: number;
  interrupted: boolean;
  results: readonly GeneratorResult[];
  problems: readonly string[];
  /** Sessions by pid, from the control socket. */
  sessions: Tally | undefined;
  processes: ProcessUse[];
  events: ScenarioEvent[];
  timeline: readonly Moment[];
}

export function buildReport(findings: Findings): Report {
  const { results, question, timeline, measured, interrupted, sessions, processes, events } =
    findings;
  const { ca, auth, headers, ...options } = findings.options;
  const counts = addCounts(results.map((result) => result.counts));
  const latency = Object.fromEntries(
    LATENCIES.map((name) => [name, mergedLatency(results.map(({ latencies }) => latencies[name]))]),
  ) as Record<LatencyName, Latency>;
  const { handshakes, http, echo, broadcast, workers } = counts;
  const { deliveries } = broadcast;
  const generators = results.map(({ vitals }) => vitals);
  const script = scriptReport(results.flatMap((result) => result.script ?? []));
  const spread = sessions
    ? ({ by: "status", workers: sessions } as const)
    : ({ by: "worker event", workers } as const);
  return {
    ...counts,
    options,
    question,
    seconds: measured / 1_000,
    interrupted,
    badRequests: (http.handshakes["400"] ?? 0) + (http.sessions["400"] ?? 0),
    errors:
      total(handshakes.failed) +
      httpErrors(http.sessions) +
      echo.wrong +
      echo.duplicates +
      deliveries.duplicates +
      (script === undefined ? 0 : failedUsers(script)),
    lostMessages: echo.lost + broadcast.lost + deliveries.lost,
    latency,
    script,
    timeline,
    spread: total(spread.workers) > 0 ? spread : undefined,
    processes,
    generators,
    events,
    warnings: [
      ...(script === undefined ? notMeasured(question) : skippedUsers(script)),
      ...generators.flatMap((it) =>
        limitsOf(it, latency.lag, script === undefined ? undefined : "users came"),
      ),
    ],
    problems: [...findings.problems],
  };
}

function skippedUsers({ users }: ScriptReport): string[] {
  if (users.skipped === 0) return [];
  return [
    `${users.skipped} users did not come, since as many as maxUsers were there: raise it, or ` +
      "lower the phases' rates.",
  ];
}

/** What a server does not tell that has no `answerLoadTest()`. */
function notMeasured(question: Question): string[] {
  if (question === "echo") return [];
  const instead =
    question === "namespace"
      ? "round trips are the server's refusals of a namespace that does not exist, without the " +
        "application"
      : "there are no round trips, since every namespace exists";
  return [
    `the server does not answer "echo": ${instead}. With answerLoadTest() in it, this measures ` +
      "events and their acknowledgements, wrong and repeated answers, --payload and --binary, " +
      "--broadcasts to --rooms. --script plays your own events.",
  ];
}

/** From where on a generator measures itself. */
const FULL_CPU = 0.9;
const LONG_DELAY = 50;

/** What says that a generator could not keep up; the latencies are too high then. */
export function limitsOf(
  { pid, cpu, delay }: GeneratorVitals,
  lag: Latency,
  late = "messages left",
): string[] {
  const signs: string[] = [];
  if (cpu >= FULL_CPU) signs.push(`it used ${Math.round(cpu * 100)} % of a core`);
  if (delay >= LONG_DELAY) signs.push(`its event loop was ${Math.round(delay)} ms late (p99)`);
  if (lag.p99 >= LONG_DELAY) signs.push(`${late} ${Math.round(lag.p99)} ms late (p99)`);
  if (signs.length === 0) return [];
  return [
    `generator ${pid} was the limit: ${signs.join(", ")}. Latencies are its own to that extent; ` +
      "use fewer clients, more --processes, or another machine.",
  ];
}

/** Sums that do not agree; each is a fault of this program. */
export function inconsistencies(report: Report): string[] {
  const { clients, handshakes, reconnects, echo, broadcast, options, generators } = report;
  const { deliveries } = broadcast;
  const sums: (readonly [string, number, number])[] = [
    // Those of a generator that died are in no sum.
    ...(generators.length < options.processes || report.script !== undefined
      ? []
      : ([["clients", options.clients, clients.connected + clients.never]] as const)),
    ["handshakes", handshakes.ok, clients.connected + reconnects],
    ["echoes", echo.sent, echo.answered + echo.lost + echo.inFlight],
    ["broadcasts", broadcast.sent, broadcast.accepted + broadcast.lost + broadcast.inFlight],
    [
      "deliveries",
      deliveries.expected,
      deliveries.delivered + deliveries.lost + deliveries.inFlight,
    ],
  ];
  return sums.flatMap(([what, whole, parts]) =>
    whole === parts ? [] : [`${what} do not add up: ${whole} is not ${parts}`],
  );
}
