import { type ChildProcess, spawn } from "node:child_process";

// A shell outlives this process, however that ends: its input ends then, and it kills what is left.
const SCRIPT = `
all=""
while read -r what pid; do
  rest=""
  for one in $all; do [ "$one" = "$pid" ] || rest="$rest $one"; done
  all=$rest
  [ "$what" = guard ] && all="$all $pid"
done
for pid in $all; do kill -s KILL -- "-$pid" 2>/dev/null; done
exit 0`;

let guard: ChildProcess | undefined;

/**
 * Kills the process group of `leader` when this process has ended, also by a signal or because its
 * time is up: no teardown runs then.
 */
export function guardGroup(leader: number): void {
  tell("guard", leader);
}

/** It has ended; the number may be another's from now on. */
export function releaseGroup(leader: number): void {
  if (guard !== undefined) tell("release", leader);
}

function tell(what: "guard" | "release", leader: number): void {
  guard ??= start();
  guard.stdin?.write(`${what} ${leader}\n`);
}

function start(): ChildProcess {
  // A group of its own: what is sent to this one's, as a terminal's Ctrl-C is, does not reach it.
  const shell = spawn("sh", ["-c", SCRIPT], {
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
  });
  shell.unref();
  (shell.stdin as unknown as { unref(): void }).unref();
  return shell;
}
