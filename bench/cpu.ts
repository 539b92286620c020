import { readdirSync, readFileSync } from "node:fs";
import type { Role, ServerProcess } from "./systems/system.js";

/** µs of CPU. */
export interface CpuTime {
  user: number;
  system: number;
}

export type CpuByRole = Partial<Record<Role, CpuTime>>;

/** What a process had used at one moment. */
interface Reading {
  /** µs, of all threads; counted by the scheduler, in ns. */
  total: number;
  /** Clock ticks of 10 ms (proc(5)): too coarse to count with, good enough to split the total. */
  userTicks: number;
  systemTicks: number;
}

/** Of each process, by pid, since its start. Linux only. */
export function readCpu(processes: readonly ServerProcess[]): Map<number, Reading> {
  return new Map(processes.map(({ pid }) => [pid, readingOf(pid)]));
}

function readingOf(pid: number): Reading {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const total = readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const [ns] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ");
    return sum + Number(ns) / 1_000;
  }, 0);
  return { total, userTicks: Number(fields[11]), systemTicks: Number(fields[12]) };
}

/** What was used between two looks at the same processes. */
export function usedCpu(
  processes: readonly ServerProcess[],
  before: ReadonlyMap<number, Reading>,
  after: ReadonlyMap<number, Reading>,
): CpuByRole {
  const sums: CpuByRole = {};
  for (const { pid, role } of processes) {
    const from = before.get(pid);
    const to = after.get(pid);
    if (from === undefined || to === undefined) continue;
    const user = to.userTicks - from.userTicks;
    const system = to.systemTicks - from.systemTicks;
    const total = to.total - from.total;
    const sum = sums[role] ?? { user: 0, system: 0 };
    const userPart = user + system === 0 ? 1 : user / (user + system);
    sum.user += total * userPart;
    sum.system += total * (1 - userPart);
    sums[role] = sum;
  }
  return sums;
}
