import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { OptionError, SupervisorError } from "../../errors.js";
import { expectObject, flag, strings, text } from "../../options/checks.js";
import { type ClusterManagerOptions, resolveManagerOptions } from "../../options/options.js";

/** Options of the manager that follow from what the application does. */
const NOT_CONFIGURABLE = ["exec", "count", "port", "host", "tls", "sticky"] as const;

/**
 * What a command line, `socket-supervisor.config.js` (or `.mjs`, `.cjs`, `.json`) or
 * `"socket-supervisor"` in package.json may say: most options of {@link ClusterManagerOptions},
 * and these.
 */
export interface StartConfig
  extends Omit<ClusterManagerOptions, (typeof NOT_CONFIGURABLE)[number]> {
  /** The file to start. */
  file?: string;
  /** How many, or `"max"`: as many as there are cores. Default: `"max"`; with `watch`: 1. */
  workers?: number | "max";
  /** Reload when a file changes that the application has loaded. Default: `false`. */
  watch?: boolean;
  /** Modules that each worker loads first, as Node's `--import`. */
  import?: readonly string[];
}

/** The same, complete. */
export interface StartSettings {
  /** Absolute. */
  file: string;
  watch: boolean;
  manager: ClusterManagerOptions;
}

const OWN_NAMES = ["file", "workers", "watch", "import"];
const CONFIG_FILES = ["js", "mjs", "cjs", "json"].map((end) => `socket-supervisor.config.${end}`);
const PRELOAD = new URL("../worker/preload.js", import.meta.url).href;

/** How long sessions have to move when somebody who works on the code waits for it (ms). */
const WATCH_DRAIN = 500;

/**
 * @param flags what the command line says; it comes before the file, which comes before package.json
 * @param configFile instead of the one that is looked for
 * @throws OptionError, SupervisorError `ERR_SUPERVISOR_START`
 */
export async function startSettings(
  flags: StartConfig,
  dir: string,
  configFile?: string,
): Promise<StartSettings> {
  const fromFile = await readConfig(dir, configFile);
  const config: StartConfig = { ...readPackage(dir), ...fromFile, ...flags };
  for (const [name, value] of Object.entries(config)) checkName(name, value);
  const { file: path, workers, watch: wantsWatch, import: imports, execArgv, ...options } = config;
  const file = fileOf(path, dir);
  const watch = flag("watch", wantsWatch, false);
  return {
    file,
    watch,
    manager: {
      ...(watch && { drainTimeout: WATCH_DRAIN }),
      ...options,
      exec: file,
      sticky: true,
      count: countOf(workers ?? (watch ? 1 : "max")),
      execArgv: [
        ...(execArgv ?? process.execArgv),
        ...typescriptFlags(file, imports ?? []),
        ...(strings("import", imports) ?? []).flatMap((name) => ["--import", importOf(name, dir)]),
        "--import",
        PRELOAD,
      ],
      env: {
        // Midway reads them, and leaves the listening to others where they are set.
        MIDWAY_FORK_MODE: undefined,
        MIDWAY_STICKY_MODE: undefined,
        ...options.env,
        ...(watch && { SOCKET_SUPERVISOR_WATCH: "1" }),
      },
    },
  };
}

/** A word that is mistyped would silently do nothing. */
function checkName(name: string, value: unknown): void {
  if (NOT_CONFIGURABLE.some((other) => other === name)) {
    throw new OptionError(name, value, why(name));
  }
  const known = Object.keys(resolveManagerOptions()).filter(
    (other) => !NOT_CONFIGURABLE.some((item) => item === other),
  );
  const names = [...OWN_NAMES, ...known];
  if (!names.includes(name)) throw new OptionError(name, value, `one of ${names.join(", ")}`);
}

function why(name: string): string {
  if (name === "count") return 'left out here: say "workers"';
  if (name === "exec") return 'left out here: say "file"';
  return "left out here: the application says it with listen()";
}

function countOf(workers: unknown): number {
  if (workers === "max") return availableParallelism();
  if (Number.isInteger(workers) && Number(workers) >= 1 && Number(workers) <= 1_024) {
    return Number(workers);
  }
  throw new OptionError("workers", workers, 'an integer from 1 to 1024, or "max"');
}

function fileOf(path: unknown, dir: string): string {
  const name = text("file", path);
  if (name === undefined) {
    throw new SupervisorError(
      "ERR_SUPERVISOR_START",
      "start needs the file of a server, as in: socket-supervisor start server.js",
    );
  }
  const file = resolve(dir, name);
  if (existsSync(file)) {
    try {
      return createRequire(join(dir, "x.js")).resolve(file); // a folder has an index.js
    } catch {
      return file; // what it is, Node will say
    }
  }
  for (const end of [".js", ".mjs", ".cjs", ".ts", ".mts"]) {
    if (existsSync(file + end)) return file + end;
  }
  throw new SupervisorError("ERR_SUPERVISOR_START", `There is no file ${file}.`);
}

function importOf(name: string, dir: string): string {
  return name.startsWith(".") ? pathToFileURL(resolve(dir, name)).href : name;
}

/** Node runs TypeScript by itself from 22.18 on; before, tsx does if the application has it. */
function typescriptFlags(file: string, imports: readonly string[]): string[] {
  if (!/\.[cm]?tsx?$/.test(file) || runsTypescript()) return [];
  const flags = [...process.execArgv, process.env.NODE_OPTIONS ?? "", ...imports].join(" ");
  if (/--import|--loader|--require|-r /.test(flags) || imports.length > 0) return [];
  try {
    return ["--import", pathToFileURL(createRequire(file).resolve("tsx")).href];
  } catch (cause) {
    throw new SupervisorError(
      "ERR_SUPERVISOR_START",
      `Node ${process.versions.node} does not run ${file}: install tsx (npm install tsx), name ` +
        "another loader with --import, compile it, or use Node 22.18 or later.",
      { cause },
    );
  }
}

async function readConfig(dir: string, configFile: string | undefined): Promise<StartConfig> {
  const name = configFile ?? CONFIG_FILES.find((file) => existsSync(join(dir, file)));
  if (name === undefined) return {};
  const path = resolve(dir, name);
  if (!existsSync(path)) {
    throw new SupervisorError("ERR_SUPERVISOR_START", `There is no file ${path}.`);
  }
  const config: unknown = path.endsWith(".json")
    ? JSON.parse(readFileSync(path, "utf8"))
    : ((await import(pathToFileURL(path).href)) as { default?: unknown }).default;
  expectObject(name, config);
  return config as StartConfig;
}

/** Of the nearest package.json. */
function readPackage(dir: string): StartConfig {
  for (let folder = dir; ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file)) {
      const config = (JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>)[
        "socket-supervisor"
      ];
      if (config === undefined) return {};
      expectObject('"socket-supervisor" in package.json', config);
      return config as StartConfig;
    }
    if (folder === dirname(folder)) return {};
  }
}

function runsTypescript(): boolean {
  // Not in the types of Node 20.
  return Boolean((process.features as { typescript?: unknown }).typescript);
}
