import { readFileSync } from "node:fs";

/**
 * Whether a process runs. One that has ended but that its parent has not collected (in a container
 * whose first process collects none, for ever) does not; only Linux tells.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return !isZombie(pid);
}

function isZombie(pid: number): boolean {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return false; // no /proc here
  }
  // The state follows the name, which may contain anything.
  return stat.charAt(stat.lastIndexOf(")") + 2) === "Z";
}
