/** pm2, with a daemon and a home of this test's own. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import { ROOT, run } from "./spawned.js";

export const PATIENCE = 30_000;
// Not in tmpdir(): pm2's Unix sockets are in there, and their paths have to be short.
export const home = mkdtempSync("/tmp/pm2-");
// Other clusters of this machine have nothing to do with these ones.
const tmp = join(home, "tmp");
mkdirSync(tmp);

/** Aborted, no command of pm2 runs any more: each would start its daemon again. */
const commands = new AbortController();

export interface Pm2Process {
  name: string;
  pid: number;
  pm2_env: {
    status: string;
    exec_mode: string;
    restart_time: number;
    exit_code?: number;
    pm_out_log_path: string;
    pm_err_log_path: string;
    axm_monitor: Record<string, { value: number | string }>;
  };
}

/** Runs a command of pm2, by default in the root of the project, and gives what it wrote. */
export async function pm2(
  args: string[],
  env: Record<string, string> = {},
  cwd = ROOT,
): Promise<string> {
  const { stdout, stderr } = await run(join(ROOT, "node_modules/.bin/pm2"), args, {
    cwd,
    maxBuffer: 2 ** 24,
    timeout: 2 * PATIENCE,
    killSignal: "SIGKILL",
    signal: commands.signal,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      TMPDIR: tmp,
      PM2_HOME: home,
      PM2_DISABLE_VERSION_CHECK: "1",
      NO_COLOR: "1",
      HOST: "127.0.0.1",
      PORT: "0",
      WORKERS: "2",
      ...env,
    },
  });
  return stdout + stderr;
}

export async function list(): Promise<Pm2Process[]> {
  const output = await pm2(["jlist"]);
  return JSON.parse(output.split("\n").find((line) => line.startsWith("[")) ?? "");
}

/** Asks until there is an answer. */
export async function soon<T>(ask: () => Promise<T | undefined>, what: () => string): Promise<T> {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`Waited in vain: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Asks pm2 for its processes of this name until they are as they should be. */
export function until(name: string, holds: (all: Pm2Process[]) => boolean): Promise<Pm2Process[]> {
  let all: Pm2Process[] = [];
  const ask = async () => {
    all = (await list()).filter((one) => one.name === name);
    return holds(all) ? all : undefined;
  };
  return soon(ask, () => JSON.stringify(all, null, 1));
}

export async function only(name: string, holds: (one: Pm2Process) => boolean): Promise<Pm2Process> {
  const [one] = await until(name, (all) => all.every(holds) && all.length === 1);
  if (one === undefined) throw new Error(`No ${name}`);
  return one;
}

export const metric = ({ pm2_env }: Pm2Process, name: string) => pm2_env.axm_monitor[name]?.value;
export const errors = ({ pm2_env }: Pm2Process): string =>
  readFileSync(pm2_env.pm_err_log_path, "utf8");

/** Waits for what the process writes to stdout. */
export function says({ pm2_env }: Pm2Process, pattern: RegExp): Promise<RegExpExecArray> {
  const output = () => readFileSync(pm2_env.pm_out_log_path, "utf8");
  return soon(async () => pattern.exec(output()) ?? undefined, output);
}

/** Directories of the gateways of this primary's workers. */
export const gatewayDirs = (pid: number): string[] =>
  readdirSync(tmp).filter((name) => name.startsWith(`socket-supervisor-${pid}-`));

/** Those of the processes that run; one that nobody has waited for yet does not. */
export async function running(pids: number[]): Promise<number[]> {
  const args = ["-o", "pid=,stat=", "-p", pids.join()];
  const { stdout } = await run("ps", args).catch(() => ({ stdout: "" }));
  return [...stdout.matchAll(/(\d+) +[^Z\s]/g)].map(([, pid]) => Number(pid));
}

/** A file for pm2 to run, or to load. */
export function file(name: string, code: string): string {
  const path = join(home, name);
  writeFileSync(path, code);
  return path;
}

/** No teardown runs when tap ends a test that ran out of time, and pm2 is made to outlive it. */
function kill(): void {
  commands.abort();
  const deadline = Date.now() + 2_000;
  while (killOnce() > 0 && Date.now() < deadline);
  rmSync(home, { recursive: true, force: true });
}

/** Kills pm2 and whatever runs under it: all of them have its home in their environment. */
function killOnce(): number {
  let killed = 0;
  for (const pid of existsSync("/proc") ? readdirSync("/proc").filter(Number) : []) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      if (!environment.includes(`PM2_HOME=${home}`)) continue;
      process.kill(Number(pid), "SIGKILL");
      killed++;
    } catch {
      // It has ended meanwhile, or is another user's.
    }
  }
  return killed;
}
process.once("SIGALRM", kill);
process.once("exit", kill);
t.teardown(() => (commands.signal.aborted ? undefined : pm2(["kill"])));
