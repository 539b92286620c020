import { parseArgs } from "node:util";
import { WorkerBootError } from "../errors.js";
import { run } from "../start/primary/run.js";
import { type StartConfig, startSettings } from "../start/primary/settings.js";
import { CliError } from "./client.js";
import { explainUnknown } from "./flags.js";
import { START_HELP } from "./start-help.js";

const FLAGS = {
  help: { type: "boolean", short: "h" },
  workers: { type: "string" },
  watch: { type: "boolean" },
  name: { type: "string" },
  "status-port": { type: "string" },
  "log-prefix": { type: "boolean" },
  import: { type: "string", multiple: true },
  config: { type: "string" },
} as const;

/** `socket-supervisor start`. Returns when the cluster runs. */
export async function start(all: string[]): Promise<void> {
  const end = all.indexOf("--");
  const args = end === -1 ? undefined : all.slice(end + 1);
  const { values, positionals } = parse(end === -1 ? all : all.slice(0, end));
  if (values.help) {
    process.stdout.write(START_HELP);
    return;
  }
  const [file, ...more] = positionals;
  if (more.length > 0) {
    throw new CliError(
      `"${more.join(" ")}" means nothing after ${file}. Arguments of the server come after --.`,
    );
  }
  const { help: _, workers, config, ...others } = values;
  const { "status-port": statusPort, "log-prefix": logPrefix, ...flags } = others;
  const settings = await startSettings(
    {
      ...(flags satisfies StartConfig),
      ...(file !== undefined && { file }),
      ...(workers !== undefined && { workers: workers === "max" ? workers : Number(workers) }),
      ...(statusPort !== undefined && { statusPort: Number(statusPort) }),
      ...(logPrefix !== undefined && { logPrefix }),
      ...(args !== undefined && { args }),
    },
    process.cwd(),
    config,
  );
  try {
    await run(settings);
  } catch (error) {
    // What it wrote to stderr is on the screen.
    throw error instanceof WorkerBootError
      ? new CliError(`Worker ${error.exit.pid ?? ""} ${error.why}.`)
      : error;
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: FLAGS });
  } catch (error) {
    throw new CliError(explainUnknown(error as Error, "start", Object.keys(FLAGS)));
  }
}
