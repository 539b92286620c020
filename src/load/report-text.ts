import { type Latency, mergedLatency } from "./latency.js";
import { inconsistencies, type Report } from "./report.js";
import { type Progress, type Tally, total } from "./result.js";

/** The report for people. docs/load.md has the meaning of each number. */
export function reportText(report: Report, brokenThresholds: readonly string[]): string {
  const { options, seconds, interrupted, spread } = report;
  const head =
    `${fixed(seconds)} s measured${interrupted ? " (interrupted)" : ""}: ` +
    `${number(options.clients)} clients (${options.transports}), ${options.processes} ` +
    `${options.processes === 1 ? "process" : "processes"}, seed ${options.seed}`;
  const lines = [
    head,
    "",
    ...connectionLines(report),
    "",
    ...messageLines(report),
    "",
    ...latencyLines(report),
    ...(spread ? ["", `Workers (by ${spread.by}): ${tally(spread.workers)}`] : []),
    ...processLines(report),
    ...section(
      "What was done:",
      report.events.map(({ at, what }) => `${fixed(at)} s: ${what}`),
    ),
    ...section("Note:", [...report.warnings, ...inconsistencies(report)]),
    ...section("Failed:", brokenThresholds),
  ];
  return `${lines.join("\n")}\n`;
}

function connectionLines({
  clients,
  handshakes,
  badRequests,
  http,
  connectionsLost,
  reconnects,
  options,
}: Report): string[] {
  const { connected, never, without, upgraded } = clients;
  const lines = [
    `Clients     ${number(connected)} connected, ${number(never)} never, ` +
      `${number(without)} without connection at the end`,
    `Handshakes  ${number(handshakes.ok)} ok, ${number(total(handshakes.failed))} failed` +
      because(handshakes.failed),
    `HTTP 400    ${number(badRequests)}` +
      ` (handshakes ${number(http.handshakes["400"] ?? 0)}, sessions ${number(http.sessions["400"] ?? 0)})`,
    `Lost        ${number(total(connectionsLost))} connections${because(connectionsLost)}, ` +
      `${number(reconnects)} reconnects`,
  ];
  if (options.transports === "upgrade" || options.transports === "mixed") {
    lines.push(`Upgraded    ${number(upgraded)} clients to WebSocket`);
  }
  return lines;
}

function messageLines({ echo, broadcast, options }: Report): string[] {
  const lines = [
    `Echo        ${number(echo.sent)} sent = ${number(echo.answered)} answered + ` +
      `${number(echo.lost)} lost + ${number(echo.inFlight)} in flight`,
    `            ${number(echo.duplicates)} answered twice, ${number(echo.wrong)} answered wrongly`,
  ];
  if (options.broadcasts === 0) return lines;
  const { deliveries } = broadcast;
  return [
    ...lines,
    `Broadcast   ${number(broadcast.sent)} sent = ${number(broadcast.accepted)} accepted + ` +
      `${number(broadcast.lost)} lost + ${number(broadcast.inFlight)} in flight`,
    `Deliveries  ${number(deliveries.expected)} expected = ${number(deliveries.delivered)} ` +
      `delivered + ${number(deliveries.lost)} lost + ${number(deliveries.inFlight)} in flight`,
    `            ${number(deliveries.duplicates)} twice, ` +
      `${number(deliveries.missed)} more while the client had no connection`,
  ];
}

function latencyLines({ latency }: Report): string[] {
  const titles = ["ms", "count", "p50", "p90", "p99", "p99.9", "max"];
  const row = (name: string, { count, p50, p90, p99, p999, max }: Latency): string[] => [
    name,
    number(count),
    ...[p50, p90, p99, p999, max].map(fixed),
  ];
  const rows = [
    titles,
    row("connect", latency.connect),
    row("echo", latency.echo),
    row("broadcast", latency.fanOut),
    row("no connection", latency.outage),
  ].filter(([, count]) => count !== "0");
  return rows.map(([name = "", ...cells]) =>
    [name.padEnd(14), ...cells.map((cell) => cell.padStart(10))].join(""),
  );
}

function processLines({ processes, generators }: Report): string[] {
  const lines = [
    ...processes.map(({ pid, role, cpu, cpuSeconds, rss }) => ({
      pid,
      role,
      cpu,
      rss,
      more: `, ${fixed(cpuSeconds)} s of CPU`,
    })),
    ...generators.map((it) => ({ ...it, role: "generator", more: "" })),
  ].map(
    ({ pid, role, cpu, rss, more }) =>
      `${role.padEnd(9)} ${String(pid).padStart(8)}  ${Math.round(cpu * 100)} % of a core${more}, ` +
      `${Math.round(rss / 1024 / 1024)} MB`,
  );
  return section("Processes:", lines);
}

/** One line while it runs. */
export function progressText(progress: readonly Progress[], elapsed: number): string {
  const sum = (of: (it: Progress) => number): number =>
    progress.reduce((total, it) => total + of(it), 0);
  const { p99, count } = mergedLatency(progress.map(({ recent }) => recent));
  return (
    `${Math.round(elapsed / 1_000)} s: ${number(sum((it) => it.connected))} clients, ` +
    `${number(sum((it) => it.answered))} of ${number(sum((it) => it.sent))} messages answered, ` +
    `${number(sum((it) => it.errors))} errors${count > 0 ? `, p99 ${fixed(p99)} ms` : ""}`
  );
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];
}

function because(reasons: Tally): string {
  return total(reasons) === 0 ? "" : ` (${tally(reasons)})`;
}

function tally(counts: Tally): string {
  return Object.entries(counts)
    .map(([what, count]) => `${what}: ${number(count)}`)
    .join(", ");
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}

function fixed(value: number): string {
  return value.toFixed(1);
}
