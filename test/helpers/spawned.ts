import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Test } from "tap";
import { guardGroup, releaseGroup } from "./group-guard.js";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const run = promisify(execFile);

/** A command, run as a user would (by default in the root of the project), with its output. */
export class Spawned {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";

  constructor(command: string, args: string[], env: Record<string, string>, cwd: string) {
    this.child = spawn(command, args, {
      cwd,
      // A group of its own, so that nothing survives the test.
      detached: true,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    if (this.child.pid !== undefined) guardGroup(this.child.pid);
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.child.emit("output");
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.child.emit("output");
    });
    // Nothing more will come; whoever waits for it has to look.
    this.child.on("close", () => this.child.emit("output"));
  }

  /** Waits until `pattern` was written to stdout. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#waitFor(pattern, () => this.stdout);
  }

  /** The same for stderr. */
  writes(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#waitFor(pattern, () => this.stderr);
  }

  async #waitFor(pattern: RegExp, text: () => string): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(text());
      if (found) return found;
      if (this.child.exitCode !== null) throw new Error(`It ended.\n${this.stdout}${this.stderr}`);
      await once(this.child, "output");
    }
  }

  async exit(): Promise<{ code: number | null; signal: string | null }> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      await once(this.child, "close");
    }
    return { code: this.child.exitCode, signal: this.child.signalCode };
  }

  destroy(): void {
    const { pid } = this.child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
    releaseGroup(pid);
  }
}

/** Starts a command that ends with the test, however the test ends. */
export function start(
  t: Test,
  command: string,
  args: string[],
  env: Record<string, string> = {},
  cwd = ROOT,
): Spawned {
  const spawned = new Spawned(command, args, env, cwd);
  const end = () => spawned.destroy();
  process.setMaxListeners(0); // one for each command that a test starts
  process.once("exit", end);
  t.teardown(() => {
    process.off("exit", end);
    end();
  });
  return spawned;
}

/** Pids of the children of `pid`. */
export async function childrenOf(pid: number | undefined): Promise<number[]> {
  const { stdout } = await run("ps", ["-o", "pid=", "--ppid", String(pid)]).catch(() => ({
    stdout: "",
  }));
  return stdout.trim().split(/\s+/).filter(Boolean).map(Number);
}
