import type { ClusterStatus, WorkerStatus } from "../manager-contract.js";

const COLUMNS: readonly {
  title: string;
  width: number;
  text(worker: WorkerStatus, n: number): string;
}[] = [
  { title: "#", width: 3, text: ({ number }, n) => String(number ?? n + 1) },
  { title: "pid", width: 7, text: ({ pid }) => String(pid ?? "-") },
  { title: "state", width: 8, text: ({ state }) => state },
  { title: "gen", width: 4, text: ({ generation }) => String(generation) },
  { title: "sessions", width: 8, text: ({ sessions }) => String(sessions) },
  { title: "loop", width: 6, text: ({ vitals }) => percent(vitals?.eventLoopUtilization) },
  { title: "cpu", width: 7, text: ({ vitals }) => cpuTime(vitals?.cpuTime) },
  { title: "rss", width: 7, text: ({ vitals }) => megabytes(vitals?.rss) },
  { title: "queue", width: 5, text: ({ queue }) => megabytes(queue) },
  { title: "uptime", width: 7, text: ({ uptime }) => duration(uptime) },
  { title: "restarts", width: 8, text: ({ restarts }) => String(restarts) },
];

/** `manager.status()` for people: a table of at most 80 columns. */
export function statusTable(name: string, status: ClusterStatus): string {
  const ready = status.workers.filter(({ state }) => state === "ready").length;
  const head =
    `${name}: ${status.phase}, pid ${status.pid}, ${ready} of ${status.count} workers ready, ` +
    `${status.sessions} sessions`;
  const rows = [
    COLUMNS.map(({ title }) => title),
    ...primaryRow(status),
    ...status.workers.map((worker, n) => COLUMNS.map(({ text }) => text(worker, n))),
  ];
  const lines = rows.map((cells) =>
    cells.map((cell, n) => cell.padStart(COLUMNS[n]?.width ?? 0)).join(" "),
  );
  const inspected = status.workers
    .filter(({ inspector }) => inspector)
    .map(({ pid, inspector }) => `${pid} is inspected: ${inspector}`);
  const working = status.workers
    .filter(({ jobs }) => jobs?.length > 0) // a primary of an earlier version tells of none
    .map(({ pid, jobs }) => `${pid} runs: ${jobs.join(", ")}`);
  return [head, ...lines, ...working, ...inspected, ""].join("\n");
}

function primaryRow({ pid, primary }: ClusterStatus): string[][] {
  if (primary === undefined) return []; // of an earlier version
  const { cpuTime: cpu, rss } = primary;
  return [["", String(pid), "primary", "", "", "", cpuTime(cpu), megabytes(rss), "", "", ""]];
}

/** CPU time: 0.4 s, 42 s, 3 m 5 s… */
function cpuTime(seconds: number | undefined): string {
  if (seconds === undefined) return "-";
  return seconds < 10 ? `${seconds.toFixed(1)}s` : duration(seconds * 1_000);
}

/** Two units at the most: 42 s, 3 m 5 s, 2 h 10 m, 12 d 4 h. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first === -1) return "0s";
  return parts
    .slice(first, first + 2)
    .filter(([value], n) => n === 0 || value > 0)
    .map(([value, unit]) => `${value}${unit}`)
    .join(" ");
}

function percent(share: number | undefined): string {
  return share === undefined ? "-" : `${Math.round(share * 100)} %`;
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "-" : `${Math.round(bytes / 1024 / 1024)} MB`;
}
