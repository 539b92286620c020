import type { CpuTime } from "../cpu.js";
import type { System } from "../systems/system.js";
import type { WorkloadPlan } from "../workloads.js";
import type { Spread, Summary } from "./summary.js";

export interface Row {
  system: System;
  summary: Summary;
}

export function missingText(systems: readonly System[]): string {
  const lines = systems.flatMap((system) => {
    const why = system.missing();
    return why === undefined ? [] : [`missing: ${system.title} (${why})\n`];
  });
  return lines.join("");
}

/** In Markdown. */
export function workloadTable(plan: WorkloadPlan, clients: number, rows: readonly Row[]): string {
  const head =
    plan.kind === "deploy"
      ? [
          "system",
          "failed handshakes",
          "users cut",
          "without connection p50 / p99 (ms)",
          "takes (s)",
        ]
      : [
          "system",
          `CPU µs per ${plan.op}`,
          "times plain",
          "primary / worker / proxy (user + system)",
          "per s",
          "p50 / p99 ms",
          "errors",
          ...(rows.some(({ summary }) => "reach" in summary.facts) ? ["reaches"] : []),
          ...(plan.kind === "act" ? ["all in ms", "largest part"] : []),
        ];
  const body = rows.map((row) => (plan.kind === "deploy" ? deployRow(row) : costRow(row, plan)));
  const lines = [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`);
  return `### ${plan.title} (\`${plan.name}\`, ${clients} clients)\n\n${lines.join("\n")}\n`;
}

function costRow({ system, summary }: Row, plan: WorkloadPlan): string[] {
  const { cpu, ratio, byRole, opsPerSecond, p50, p99, facts } = summary;
  const roles = [byRole.primary, byRole.worker, byRole.proxy].map(time);
  return [
    system.title,
    spread(cpu, 0),
    spread(ratio, 2),
    roles.join(" / "),
    number(opsPerSecond.median, 0),
    `${number(p50.median, 1)} / ${number(p99.median, 1)}`,
    troubles(summary),
    ...("reach" in facts ? [`${number((facts.reach?.median ?? 0) * 100, 0)} %`] : []),
    ...(plan.kind === "act"
      ? [spread(facts.ms, 0), `${number((facts.largest?.median ?? Number.NaN) * 100, 0)} %`]
      : []),
  ];
}

function deployRow({ system, summary }: Row): string[] {
  const { errors, ops, facts } = summary;
  return [
    `${system.title}: ${system.deploys}`,
    `${errors} of ${errors + ops}${errors === 0 ? "" : ` (${worst(summary)})`}`,
    `${number((facts.cut?.median ?? Number.NaN) * 100, 0)} %`,
    `${number(facts.outageP50?.median, 0)} / ${number(facts.outageP99?.median, 0)}`,
    spread(facts.seconds, 1),
  ];
}

function troubles(summary: Summary): string {
  const { errors, failed, runs } = summary;
  if (errors === 0) return "0";
  const broken = failed === 0 ? "" : `; ${failed} of ${runs} runs failed`;
  return `${errors} (${worst(summary)})${broken}`;
}

function worst({ reasons }: Summary): string {
  const [[reason] = [""]] = Object.entries(reasons).sort(([, a], [, b]) => b - a);
  return reason.replaceAll("|", "/");
}

function time(used: CpuTime | undefined): string {
  return used === undefined ? "–" : `${number(used.user, 0)} + ${number(used.system, 0)}`;
}

function spread(values: Spread | undefined, digits: number): string {
  if (values === undefined || Number.isNaN(values.median)) return "–";
  const { median, min, max } = values;
  return `${number(median, digits)} (${number(min, digits)}–${number(max, digits)})`;
}

function number(value: number | undefined, digits: number): string {
  if (value === undefined || Number.isNaN(value)) return "–";
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
