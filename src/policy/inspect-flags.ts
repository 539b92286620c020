/**
 * Node's flags for the workers of a process that may have `--inspect` flags of its own. Pure.
 *
 * Left alone, `node:cluster` gives every fork the next port after the primary's. With restarts the
 * numbers grow without end, into the ports of other programs; two clusters share them; and a
 * worker with `--inspect-brk` waits for a debugger until it is killed for not being ready.
 *
 * So: workers of an inspected primary are inspected too, each on a free port that Node picks, and
 * none of them waits. The others get the port as well, for a later `SIGUSR1`. Always on the
 * loopback address: on a port that nobody can know before, others could not be let in on purpose.
 */
export function workerFlags(execArgv: readonly string[], nodeOptions = ""): string[] {
  const flags: string[] = [];
  let opens = false;
  for (const [n, flag] of execArgv.entries()) {
    const name = nameOf(flag);
    if (OPENING.test(name)) opens = true;
    else if (!PORT.test(name) && !isPortOf(execArgv[n - 1])) flags.push(flag);
  }
  if (opens) flags.push("--inspect");
  // What stands there cannot be taken away, only countermanded.
  if (WAITING.test(nodeOptions)) flags.push("--no-inspect-brk", "--no-inspect-wait");
  flags.push("--inspect-port=127.0.0.1:0");
  return flags;
}

const OPENING = /^--inspect(-brk|-wait)?$/;
const PORT = /^--(inspect|debug)-port$/;
const WAITING = /--inspect[-_](brk|wait)\b/;

/** Node takes "_" for "-" in the names of its flags. */
function nameOf(flag: string): string {
  return (flag.split("=", 1)[0] ?? "").replaceAll("_", "-");
}

/** Whether the next argument is the port that belongs to `flag`. */
function isPortOf(flag: string | undefined): boolean {
  return flag !== undefined && PORT.test(nameOf(flag)) && !flag.includes("=");
}
