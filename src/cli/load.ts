import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { OptionError } from "../errors.js";
import type { ClusterControl } from "../load/cluster-watch.js";
import { LoadError } from "../load/errors.js";
import {
  choice,
  LOAD_FLAGS,
  type LoadOptions,
  loadOptions,
  SCENARIOS,
  type Scenario,
  type Values,
} from "../load/options.js";
import { preflight, readLimits } from "../load/preflight.js";
import { progressText, reportText } from "../load/report-text.js";
import { runLoad } from "../load/run.js";
import { findAddress } from "../load/target.js";
import { broken, THRESHOLD_FLAGS, thresholds } from "../load/thresholds.js";
import type { ClusterStatus, ReloadReport } from "../manager-contract.js";
import { CliError, callJson, callLines, controlSocket } from "./client.js";
import { explainUnknown } from "./flags.js";
import { LOAD_HELP } from "./load-help.js";

const FLAGS = {
  ...LOAD_FLAGS,
  ...THRESHOLD_FLAGS,
  help: { type: "boolean", short: "h" },
  json: { type: "boolean" },
  ca: { type: "string" },
  name: { type: "string" },
  socket: { type: "string" },
  scenario: { type: "string" },
  "i-own-this-host": { type: "boolean" },
} as const;

/** `socket-supervisor load`. @returns the exit code */
export async function load(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(LOAD_HELP);
    return 0;
  }
  const [url, ...more] = positionals;
  if (url === undefined) {
    throw new CliError("load needs a URL, as in: socket-supervisor load http://localhost:7001");
  }
  if (more.length > 0) throw new CliError(`"${more.join(" ")}" means nothing after ${url}.`);
  try {
    return await loadUrl(url, values);
  } catch (error) {
    throw error instanceof LoadError ? new CliError(error.message) : error;
  }
}

async function loadUrl(url: string, values: Values): Promise<number> {
  const options = loadOptions(url, values, caOf(values.ca));
  const limits = thresholds(values);
  const scenario = scenarioOf(values);
  const control = controlOf(values);
  await control?.status(); // before anything is started: is it there?
  const address = await findAddress(new URL(options.url), values["i-own-this-host"] === true);
  const sources = preflight(options, address, readLimits());
  const interruption = new Interruption();
  const screen = new Screen(values.json === true);
  screen.line(summary(options, sources));
  const report = await runLoad({
    options,
    address,
    sources,
    control,
    scenario,
    signal: interruption.signal,
    onProgress: (progress, elapsed) => {
      if (progress.length > 0) screen.progress(progressText(progress, elapsed));
    },
    onEvent: ({ at, what }) => screen.line(`${at.toFixed(1)} s measured: ${what}`),
  });
  screen.end();
  const failures = broken(limits, report);
  const text = values.json
    ? `${JSON.stringify({ ...report, failures })}\n`
    : reportText(report, failures);
  await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
  // A reload that is under way goes on without this process.
  if (interruption.signal.aborted) process.exit(interruption.exitCode);
  return failures.length > 0 ? 1 : 0;
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: FLAGS });
  } catch (error) {
    throw new CliError(explainUnknown(error as Error, "load", Object.keys(FLAGS)));
  }
}

function caOf(file: Values[string]): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(String(file), "utf8");
  } catch (error) {
    throw new OptionError("--ca", file, `a file with certificates (${(error as Error).message})`);
  }
}

function scenarioOf(values: Values): Scenario | undefined {
  if (values.scenario === undefined) return undefined;
  const scenario = choice(values, "scenario", SCENARIOS, "reload");
  if (values.name !== undefined || values.socket !== undefined) return scenario;
  // The default name would do, and so might the wrong cluster.
  throw new CliError("--scenario needs --name or --socket: say which cluster it may disturb.");
}

function controlOf({ name, socket }: Values): ClusterControl | undefined {
  if (name === undefined && socket === undefined) return undefined;
  const path = controlSocket(
    String(name),
    socket === undefined ? undefined : resolve(String(socket)),
  );
  return {
    status: () => callJson<ClusterStatus>(path, "GET", "/status"),
    reload: async () => {
      const lines = callLines<{ report?: ReloadReport; error?: { message: string } }>;
      for await (const { report, error } of lines(path, "POST", "/reload")) {
        if (error) throw new CliError(error.message);
        if (report) return report;
      }
      throw new CliError("the primary ended before the reload was done");
    },
    scale: (count) => callJson(path, "POST", "/scale", { count }),
  };
}

function summary({ clients, url, ramp, warmUp, duration }: LoadOptions, sources: string[]): string {
  const from = sources.length > 0 ? ` from ${sources.length} addresses` : "";
  return (
    `${clients} clients${from} to ${url}: they start over ${ramp / 1_000} s, ` +
    `warm up for ${warmUp / 1_000} s, and are measured for ${duration / 1_000} s`
  );
}

/** Ctrl-C, and its like. The second one ends at once. */
class Interruption {
  readonly #controller = new AbortController();
  exitCode = 0;

  constructor() {
    for (const [name, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      process.on(name, () => {
        if (this.signal.aborted) process.exit(code);
        this.exitCode = code;
        this.#controller.abort();
      });
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }
}

/** What is told while it runs: on a terminal one line that changes; nothing of it in the result. */
class Screen {
  readonly #stream = process.stderr;
  readonly #isQuiet: boolean;

  constructor(isQuiet: boolean) {
    this.#isQuiet = isQuiet;
  }

  line(text: string): void {
    if (this.#isQuiet) return;
    this.#stream.write(`${this.#stream.isTTY ? "\r\x1b[K" : ""}${text}\n`);
  }

  progress(text: string): void {
    if (this.#stream.isTTY && !this.#isQuiet) this.#stream.write(`\r\x1b[K${text}`);
    else this.line(text);
  }

  end(): void {
    if (this.#stream.isTTY && !this.#isQuiet) this.#stream.write("\r\x1b[K");
  }
}
