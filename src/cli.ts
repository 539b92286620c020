#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { CliError, controlSocket } from "./cli/client.js";
import { inspect, reload, scale, status, stop, type Target } from "./cli/commands.js";
import { completions, FLAGS_OF } from "./cli/completions.js";
import { explainUnknown } from "./cli/flags.js";
import { listTable, runningClusters } from "./cli/list.js";
import { LOAD_HELP } from "./cli/load-help.js";
import { START_HELP } from "./cli/start-help.js";
import { SupervisorError } from "./errors.js";
import { nearestName } from "./options/nearest-name.js";
import { defaultName, safeName } from "./system/control-path.js";

const WHICH = `
Which cluster:
  --name <name>     its name; default: "name" of the nearest package.json
  --socket <path>   its control socket
`;

const HELP = {
  "": `Usage: socket-supervisor <command> [options]

Commands:
  start <file>  run an unchanged server on all cores
  list          show all clusters of this user
  status        show the workers
  reload        replace all workers by new ones, without losing a client
  scale <n>     change the number of workers
  inspect <worker>
                open the inspector of a worker, for a debugger
  stop          stop the cluster in order
  load <url>    test a server with many clients
  completions <shell>
                print what bash, zsh or fish need to complete commands
  help <command>
                tell more of one of these; so does "<command> --help"

  --version     show the version
${WHICH}`,
  list: `Usage: socket-supervisor list [--json]

Shows all clusters of this user: name, phase, pid, ready workers, sessions.

  --json            one line of JSON for each
  --names           only the names
`,
  status: `Usage: socket-supervisor status [--json] [--watch]

Shows each worker: pid, state, generation, sessions, how busy its event loop
is, resident memory, uptime, and how often its place had to be filled again.

  --json            one line of JSON
  --watch           again every second, until Ctrl-C
${WHICH}`,
  reload: `Usage: socket-supervisor reload

Starts a new worker with the code that is there now; when it is ready, moves an
old one's sessions away and ends it; and so on. Shows each step. Exit code 1
when a new worker does not become ready: the old ones stay.
${WHICH}`,
  scale: `Usage: socket-supervisor scale <n>

Changes the number of workers to <n> (1 to 1,024). Workers that are too many
move their sessions and end.
${WHICH}`,
  inspect: `Usage: socket-supervisor inspect <worker> [--close]

Opens the inspector of one worker on a free port of 127.0.0.1 and shows its URL,
for Chrome's DevTools or "node inspect". <worker> is a pid, or a number (#), as
in status. It opens even if the worker's event loop is blocked. A worker that
does not use this package's setupWorker() gets SIGUSR1, as Node wants it.

While the inspector is open the worker is not killed for being silent: at a
breakpoint it is. Anybody on this machine can run code in it.

  --close           close it again, with all its debuggers
${WHICH}`,
  stop: `Usage: socket-supervisor stop

Closes all sessions, lets requests finish, ends the workers and the primary, and
waits for it.
${WHICH}`,
  load: LOAD_HELP,
  start: START_HELP,
  completions: `Usage: socket-supervisor completions <bash|zsh|fish>

Prints a script for the shell: eval "$(socket-supervisor completions bash)"
`,
  help: `Usage: socket-supervisor help <command>
`,
} as const;

type Command = keyof typeof HELP;

function parse(args: string[]) {
  const [command = ""] = args;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h", default: false },
        json: { type: "boolean", default: false },
        close: { type: "boolean", default: false },
        watch: { type: "boolean", default: false },
        names: { type: "boolean", default: false },
        version: { type: "boolean", short: "v", default: false },
        name: { type: "string" },
        socket: { type: "string" },
      },
    });
  } catch (error) {
    const flags = FLAGS_OF[command] ?? ["version", "help"];
    const known = Object.hasOwn(FLAGS_OF, command) ? command : "";
    throw new CliError(explainUnknown(error as Error, known, flags));
  }
}

async function main(args: string[]): Promise<void> {
  if (args[0] === "load") {
    // It has options of its own, and is more than the other commands need to load.
    const { load } = await import("./cli/load.js");
    process.exitCode = await load(args.slice(1));
    return;
  }
  if (args[0] === "start") {
    const { start } = await import("./cli/start.js");
    await start(args.slice(1));
    return;
  }
  if (args[0] === "help") {
    await main([...args.slice(1, 2), "--help"]);
    return;
  }
  const { values, positionals } = parse(args);
  if (values.version) {
    process.stdout.write(`${version()}\n`);
    return;
  }
  const [command = "", ...rest] = positionals;
  if (!Object.hasOwn(HELP, command)) {
    const nearest = nearestName(command, Object.keys(HELP));
    const meant = nearest ? ` Did you mean "${nearest}"?` : "";
    throw new CliError(`There is no command "${command}".${meant}\n\n${HELP[""]}`);
  }
  if (values.help || command === "") {
    process.stdout.write(HELP[command as Command]);
    return;
  }
  if (command === "completions") {
    process.stdout.write(completions(rest.join(" ")));
    return;
  }
  if (command === "list") {
    await list(values);
    return;
  }
  const name = values.name ?? defaultName(process.cwd());
  const path = controlSocket(
    name,
    values.socket === undefined ? undefined : resolve(values.socket),
  );
  const target: Target = {
    name: values.socket ?? safeName(name),
    path,
    print: (text) => process.stdout.write(text),
  };
  if (command === "scale") {
    await scale(target, countOf(rest));
    return;
  }
  if (command === "inspect") {
    await inspect(target, workerOf(rest), values);
    return;
  }
  if (rest.length > 0) throw new CliError(`"${rest.join(" ")}" means nothing after ${command}.`);
  if (command === "status") await status(target, values);
  else if (command === "reload") await reload(target);
  else await stop(target);
}

async function list({ json, names }: { json: boolean; names: boolean }): Promise<void> {
  const clusters = await runningClusters();
  if (names) process.stdout.write(clusters.map(({ name }) => `${name}\n`).join(""));
  else if (json) process.stdout.write(clusters.map((one) => `${JSON.stringify(one)}\n`).join(""));
  else process.stdout.write(listTable(clusters));
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

function countOf([text = "", ...more]: string[]): number {
  if (/^\d+$/.test(text) && more.length === 0) return Number(text);
  throw new CliError(`scale needs one whole number, as in: socket-supervisor scale 4`);
}

function workerOf([text = "", ...more]: string[]): string {
  if (/^\d+$/.test(text) && more.length === 0) return text;
  throw new CliError(
    "inspect needs one worker, its pid or its number in the table of status, as in: " +
      "socket-supervisor inspect 1",
  );
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const isExpected = error instanceof CliError || error instanceof SupervisorError;
  process.stderr.write(`${isExpected ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
});
