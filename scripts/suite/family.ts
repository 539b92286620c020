import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** How often the processes of a test file are looked up (ms). */
const INTERVAL = 200;

interface Process {
  pid: number;
  parent: number;
  session: number;
  /** With the pid, this is one process and no other. In clock ticks after the machine's start. */
  startedAt: string;
  isZombie: boolean;
}

/**
 * A process and all that descend from it, also those whose parent has ended: a process that is in a
 * session with one of them is one. Known from Linux's /proc; elsewhere there is nobody.
 */
export class Family {
  /** By pid. */
  readonly #members = new Map<number, Process>();
  readonly #sessions = new Set<number>();
  readonly #timer: NodeJS.Timeout;

  /** @param root the pid of a process that leads a session of its own */
  constructor(root: number) {
    this.#sessions.add(root);
    this.#timer = setInterval(() => this.#look(), INTERVAL);
  }

  /**
   * To be called when the first of them has ended: waits until all others have, and kills those that
   * have not.
   *
   * @param settles how long they may take (ms)
   * @returns what was killed: pids and command lines
   */
  async end(settles: number): Promise<string[]> {
    clearInterval(this.#timer);
    const deadline = performance.now() + settles;
    let left = this.#look();
    while (left.length > 0 && performance.now() < deadline) {
      await sleep(20);
      left = this.#look();
    }
    const told = left.map(({ pid }) => `${pid}: ${commandOf(pid)}`);
    this.kill();
    return told;
  }

  /** Kills all of them at once. */
  kill(): void {
    clearInterval(this.#timer);
    // Whoever is about to start others may do so between two looks.
    for (let left = this.#look(), n = 0; left.length > 0 && n < 10; left = this.#look(), n++) {
      for (const { pid } of left) {
        try {
          process.kill(pid, "SIGKILL");
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
        }
      }
    }
  }

  /** @returns those that are alive */
  #look(): Process[] {
    const all = processes();
    for (const [pid, { startedAt }] of this.#members) {
      if (all.get(pid)?.startedAt !== startedAt) this.#members.delete(pid);
    }
    // A child can be listed before its parent.
    for (let known = -1; known !== this.#members.size; ) {
      known = this.#members.size;
      for (const one of all.values()) {
        if (!this.#sessions.has(one.session) && !this.#members.has(one.parent)) continue;
        this.#members.set(one.pid, one);
        this.#sessions.add(one.session);
      }
    }
    return [...this.#members.values()].filter(({ pid }) => all.get(pid)?.isZombie === false);
  }
}

function processes(): Map<number, Process> {
  const all = new Map<number, Process>();
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return all; // not Linux
  }
  for (const name of names) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = textOf(`/proc/${pid}/stat`);
    // The name of the program is in parentheses, and may have any characters.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, parent, , session] = fields;
    const startedAt = fields[19];
    if (startedAt === undefined) continue; // it has ended
    all.set(pid, {
      pid,
      parent: Number(parent),
      session: Number(session),
      startedAt,
      isZombie: state === "Z" || state === "X",
    });
  }
  return all;
}

function commandOf(pid: number): string {
  return textOf(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
}

/** Empty when the process has ended meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
