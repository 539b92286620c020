#!/usr/bin/env node
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { CliError } from "./cli/client.js";
import { reload, scale, status, stop, type Target } from "./cli/commands.js";
import { controlPath, defaultName, safeName } from "./control-path.js";
import { SupervisorError } from "./errors.js";

const WHICH = `
Which cluster:
  --name <name>     its name; default: "name" of the nearest package.json
  --socket <path>   its control socket
`;

const HELP = {
  "": `Usage: socket-supervisor <command> [options]

Commands:
  status        show the workers
  reload        replace all workers by new ones, without losing a client
  scale <n>     change the number of workers
  stop          stop the cluster in order

"socket-supervisor <command> --help" tells more.
${WHICH}`,
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
  stop: `Usage: socket-supervisor stop

Closes all sessions, lets requests finish, ends the workers and the primary, and
waits for it.
${WHICH}`,
} as const;

type Command = keyof typeof HELP;

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h", default: false },
        json: { type: "boolean", default: false },
        watch: { type: "boolean", default: false },
        name: { type: "string" },
        socket: { type: "string" },
      },
    });
  } catch (error) {
    throw new CliError(`${(error as Error).message}\nTry: socket-supervisor --help`);
  }
}

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parse(args);
  const [command = "", ...rest] = positionals;
  if (!Object.hasOwn(HELP, command)) {
    throw new CliError(`There is no command "${command}".\n\n${HELP[""]}`);
  }
  if (values.help || command === "") {
    process.stdout.write(HELP[command as Command]);
    return;
  }
  const name = values.name ?? defaultName(process.cwd());
  const path = values.socket === undefined ? controlPath(name) : resolve(values.socket);
  const target: Target = {
    name: values.socket ?? safeName(name),
    path,
    print: (text) => process.stdout.write(text),
  };
  if (command === "scale") {
    await scale(target, countOf(rest));
    return;
  }
  if (rest.length > 0) throw new CliError(`"${rest.join(" ")}" means nothing after ${command}.`);
  if (command === "status") await status(target, values);
  else if (command === "reload") await reload(target);
  else await stop(target);
}

function countOf([text = "", ...more]: string[]): number {
  if (/^\d+$/.test(text) && more.length === 0) return Number(text);
  throw new CliError(`scale needs one whole number, as in: socket-supervisor scale 4`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const isExpected = error instanceof CliError || error instanceof SupervisorError;
  process.stderr.write(`${isExpected ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
});
