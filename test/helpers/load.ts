import { join } from "node:path";
import type { Test } from "tap";
import type { Report } from "../../src/load/report.js";
import { inconsistencies } from "../../src/load/report.js";
import { fixture } from "./cluster.js";
import { ROOT, type Spawned, start } from "./spawned.js";

export interface LoadRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Small enough for a busy machine. */
export const SMALL = [
  "--clients",
  "9",
  "--ramp",
  "0.3",
  "--warm-up",
  "0.2",
  "--duration",
  "1",
  "--rate",
  "4",
];

/** Starts the load test. */
export function startLoad(t: Test, url: string, ...args: string[]): Spawned {
  return start(t, process.execPath, [join(ROOT, "dist/cli.js"), "load", url, ...args]);
}

/** Runs it to its end. */
export async function load(t: Test, url: string, ...args: string[]): Promise<LoadRun> {
  const running = startLoad(t, url, ...args);
  const { code } = await running.exit();
  return { code, stdout: running.stdout, stderr: running.stderr };
}

/** The same for its JSON; sums that do not agree fail the test. */
export async function loadReport(
  t: Test,
  url: string,
  ...args: string[]
): Promise<{ report: Report & { failures: string[] }; code: number | null }> {
  const { code, stdout, stderr } = await load(t, url, "--json", ...args);
  if (stdout === "") throw new Error(`It exited with ${code}:\n${stderr}`);
  const report = JSON.parse(stdout);
  t.same(inconsistencies(report), [], "everything adds up");
  return { report, code };
}

/** How often the broken server did what it should not. */
export type Faults = Record<"drop" | "twice" | "wrong" | "refuse" | "mute" | "double", number>;

/** A server with faults. `faults()` ends it. */
export async function startBroken(
  t: Test,
  how: Partial<Record<keyof Faults | "muteOne" | "doubleOne" | "silent", number>>,
): Promise<{ url: string; faults(): Promise<Faults> }> {
  const server = start(t, process.execPath, [fixture("load-broken.js")], {
    BREAK: JSON.stringify(how),
  });
  const [, port] = await server.says(/port (\d+)/);
  return {
    url: `http://127.0.0.1:${port}`,
    faults: async () => {
      server.child.kill("SIGTERM");
      const [, counts = ""] = await server.says(/counts (.*)\n/);
      return JSON.parse(counts);
    },
  };
}
