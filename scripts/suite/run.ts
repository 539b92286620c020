import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Family } from "./family.js";
import { isNamed, ROOT, testFiles } from "./files.js";
import { type FileResult, readTap } from "./read-tap.js";

/** For all the tests of one file (ms). tap then says what was open; if it cannot, it is killed. */
const TIMEOUT = 240_000;
const GRACE = 10_000;
/** For what it has started to end after it (ms). */
const SETTLES = 3_000;
/** Each file starts several processes, which wait for each other: so one more than there are cores. */
const MOST_JOBS = 4;

export interface RunOptions {
  /** With what only the gate runs: files, and parts of files; those that are named run whole anyway. */
  gate: boolean;
  /** How many files at once. Default: one more than there are cores, at most 4. */
  jobs?: string | undefined;
  /** Files and folders. None: the whole suite. */
  files: readonly string[];
  /** Is called whenever one has ended. */
  onFile?: (file: FileResult) => void;
}

/**
 * Runs test files as programs, each in a process of its own, and the unit tests in one.
 *
 * Not with tap's own runner: that loads hooks into every process that a test starts, and compiles
 * TypeScript more slowly.
 */
export async function runSuite({ gate, jobs, files, onFile }: RunOptions): Promise<FileResult[]> {
  const plan = testFiles(files, gate);
  const atOnce = Number(jobs ?? Math.min(availableParallelism() + 1, MOST_JOBS));
  if (!Number.isInteger(atOnce) || atOnce < 1) throw new Error(`--jobs=${jobs}: not a number`);
  const results: FileResult[] = [];
  const run = async (file: string, options: FileOptions = {}): Promise<void> => {
    const env = { ...(gate || isNamed(file, files) ? { SUITE_GATE: "1" } : {}), ...options.env };
    const result = await runFile(file, { ...options, env });
    results.push(result);
    onFile?.(result);
  };
  const [unit] = plan.unit;
  if (plan.unit.length > 1) {
    const name = `test/unit: ${plan.unit.length} files`;
    await run("test/unit/all.ts", { name, env: { UNIT_TESTS: plan.unit.join() } });
  } else if (unit !== undefined) {
    await run(unit);
  }
  const waiting = plan.together.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const file of waiting) await run(file);
    }),
  );
  for (const file of plan.timed) await run(file);
  return results;
}

export interface FileOptions {
  /** Default: the file's path. */
  name?: string;
  env?: NodeJS.ProcessEnv;
  /** When it is killed (ms); tap is told to end it earlier. Default: 250,000. */
  killAfter?: number;
  /** How long what it has started may take to end after it (ms). Default: 3,000. */
  settles?: number;
}

/** Of files that run. */
const families = new Set<Family>();

/**
 * Ends the runner with SIGINT and SIGTERM, and the files that run, with what they have started: they
 * are in sessions of their own, so a terminal's Ctrl-C does not reach them.
 */
export function endWithSignals(): void {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    process.once(signal, () => {
      for (const family of families) family.kill();
      process.exit(code);
    });
  }
}

/** Runs one file. A process that it leaves behind is a failure, and killed. */
export async function runFile(
  file: string,
  { name = file, env = {}, killAfter = TIMEOUT + GRACE, settles = SETTLES }: FileOptions = {},
): Promise<FileResult> {
  const started = performance.now();
  const child = spawn(process.execPath, ["--import", "tsx", file], {
    cwd: ROOT,
    // A session of its own, by which those of its processes are known that have lost their parent.
    detached: true,
    env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT / 1_000), ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  if (child.pid === undefined) await exited; // throws what has prevented its start
  const family = new Family(child.pid ?? 0);
  families.add(family);
  const timer = setTimeout(() => child.kill("SIGKILL"), killAfter);
  // Not before it has exited: who inherited its output can keep that open.
  const left = exited.then(() => family.end(settles));
  const told = await readTap(child.stdout);
  const [code, signal] = await exited;
  clearTimeout(timer);
  const duration = performance.now() - started;
  const result: FileResult = { name, duration, ...told };
  const fail = (what: string) => {
    result.ok = false;
    result.failed++;
    result.failures.push({ name: what, diag: undefined });
  };
  if (code !== 0 && result.ok) fail(`it ended with ${signal ?? code}`);
  for (const process of await left) fail(`it has left a process behind: ${process}`);
  families.delete(family);
  return result;
}
