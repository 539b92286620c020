import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { ROOT, testFiles } from "./files.js";
import { type FileResult, readTap } from "./read-tap.js";

/** For all the tests of one file (ms). tap then says what was open; if it cannot, it is killed. */
const TIMEOUT = 240_000;
const GRACE = 10_000;
/** Each file starts several processes. */
const MOST_JOBS = 4;

export interface RunOptions {
  /** With browsers and benchmarks; those that are named run anyway. */
  gate: boolean;
  /** How many files at once. Default: one for each core, at most 4. */
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
  const plan = testFiles(files);
  const atOnce = Number(jobs ?? Math.min(availableParallelism(), MOST_JOBS));
  if (!Number.isInteger(atOnce) || atOnce < 1) throw new Error(`--jobs=${jobs}: not a number`);
  const results: FileResult[] = [];
  const run = async (...args: Parameters<typeof runFile>): Promise<void> => {
    const result = await runFile(...args);
    results.push(result);
    onFile?.(result);
  };
  const [unit] = plan.unit;
  if (plan.unit.length > 1) {
    const name = `test/unit: ${plan.unit.length} files`;
    await run("test/unit/all.ts", name, { UNIT_TESTS: plan.unit.join() });
  } else if (unit !== undefined) {
    await run(unit);
  }
  const waiting = plan.together.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const file of waiting) await run(file);
    }),
  );
  for (const file of [...plan.timed, ...(gate || files.length > 0 ? plan.gate : [])]) {
    await run(file);
  }
  return results;
}

async function runFile(file: string, name = file, env: NodeJS.ProcessEnv = {}) {
  const started = performance.now();
  const child = spawn(process.execPath, ["--import", "tsx", file], {
    cwd: ROOT,
    env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT / 1_000), ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT + GRACE);
  const exited = once(child, "exit");
  const result: FileResult = { name, duration: 0, ...(await readTap(child.stdout)) };
  const [code, signal] = await exited;
  clearTimeout(timer);
  result.duration = performance.now() - started;
  if (code !== 0 && result.ok) {
    result.ok = false;
    result.failed++;
    result.failures.push({ name: `it ended with ${signal ?? code}`, diag: undefined });
  }
  return result;
}
