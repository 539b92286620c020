import { readFileSync } from "node:fs";
import type { RemoteManager } from "../manager-contract.js";

/** The cluster under test, through its control socket. */
export type ClusterControl = RemoteManager<"status" | "reload" | "scale">;

/** A process of the cluster, while it was measured. */
export interface ProcessUse {
  pid: number;
  role: "primary" | "worker";
  /** CPU time (s). */
  cpuSeconds: number;
  /** Share of one core while it was watched. */
  cpu: number;
  /** The most that was seen (bytes). */
  rss: number;
}

interface Watched {
  role: ProcessUse["role"];
  first: Sample;
  last: Sample;
  rss: number;
}

interface Sample {
  /** ms */
  at: number;
  cpuSeconds: number;
  rss: number;
}

const INTERVAL = 500;
const TICKS_PER_SECOND = 100;
const PAGE = 4_096;

/** Watches CPU and memory of a cluster's processes, those included that come and go meanwhile. */
export class ClusterWatch {
  readonly #control: ClusterControl;
  readonly #processes = new Map<number, Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(control: ClusterControl) {
    this.#control = control;
  }

  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => {
      this.#look().catch((error: Error) => process.emitWarning(error));
    }, INTERVAL);
  }

  /** Looks once more. @returns all that were seen, the primary first */
  async stop(): Promise<ProcessUse[]> {
    clearInterval(this.#timer);
    await this.#look();
    return [...this.#processes].map(([pid, { role, first, last, rss }]) => {
      const cpuSeconds = last.cpuSeconds - first.cpuSeconds;
      const seconds = (last.at - first.at) / 1_000;
      return { pid, role, cpuSeconds, cpu: seconds > 0 ? cpuSeconds / seconds : 0, rss };
    });
  }

  async #look(): Promise<void> {
    // A primary that is busy, or gone, is missing in the numbers; it does not end the test.
    const state = await this.#control.status().catch(() => undefined);
    if (!state) return;
    this.#sample(state.pid, "primary");
    for (const { pid } of state.workers) if (pid !== undefined) this.#sample(pid, "worker");
  }

  #sample(pid: number, role: ProcessUse["role"]): void {
    const sample = readProcess(pid);
    if (!sample) return;
    const known = this.#processes.get(pid);
    this.#processes.set(pid, {
      role,
      first: known?.first ?? sample,
      last: sample,
      rss: Math.max(known?.rss ?? 0, sample.rss),
    });
  }
}

function readProcess(pid: number): Sample | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name, in brackets, may contain anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    const pages = Number(fields[21]);
    return { at: performance.now(), cpuSeconds: ticks / TICKS_PER_SECOND, rss: pages * PAGE };
  } catch {
    return undefined; // it has ended, or this is no Linux
  }
}
