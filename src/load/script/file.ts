import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { OptionError } from "../../errors.js";
import { Arrivals } from "./arrivals.js";
import { checkScript } from "./check.js";
import { isRow, readRows } from "./data.js";
import type { LoadScript, Row } from "./types.js";

/** Users at a time, and seconds that each waits, when the script does not say. */
const MAX_USERS = 1_000;
const TIMEOUT = 10;

/** A script that was checked. */
export interface LoadedScript {
  scenarios: LoadScript["scenarios"];
  arrivals: Arrivals;
  rows: readonly Row[];
  order: "sequence" | "random";
  maxUsers: number;
  /** s */
  timeout: number;
  thresholds: NonNullable<LoadScript["thresholds"]>;
}

/**
 * @param file JSON, or a module whose default export is the script
 * @throws OptionError
 */
export async function loadScript(file: string): Promise<LoadedScript> {
  const script = await read(file);
  const { rows, order } = dataOf(script, file);
  checkScript(script, rows);
  const { scenarios, phases, thresholds = {} } = script;
  const { maxUsers = MAX_USERS, timeout = TIMEOUT } = script;
  const arrivals = new Arrivals(phases);
  if (arrivals.count === 0) {
    throw new OptionError("phases", phases, "long enough that a user comes: duration × rate of 1");
  }
  return { scenarios, arrivals, rows, order, maxUsers, timeout, thresholds };
}

async function read(file: string): Promise<unknown> {
  try {
    if (file.endsWith(".json")) return JSON.parse(readFileSync(file, "utf8"));
    return (await import(pathToFileURL(file).href)).default;
  } catch (error) {
    const expected = "a file of JSON, or a module whose default export is a script";
    throw new OptionError("--script", file, `${expected} (${(error as Error).message})`);
  }
}

function dataOf(script: unknown, file: string): { rows: Row[]; order: LoadedScript["order"] } {
  const data = isRow(script) ? script.data : undefined;
  const inFolder = (name: string): string => resolve(dirname(file), name);
  if (data === undefined) return { rows: [], order: "sequence" };
  if (typeof data === "string")
    return { rows: readRows(inFolder(data), "data"), order: "sequence" };
  if (Array.isArray(data) && data.length > 0 && data.every(isRow)) {
    return { rows: data, order: "sequence" };
  }
  if (isRow(data) && typeof data.file === "string") {
    const { order = "sequence" } = data;
    if (order !== "sequence" && order !== "random") {
      throw new OptionError("data.order", order, '"sequence" or "random"');
    }
    return { rows: readRows(inFolder(data.file), "data.file"), order };
  }
  throw new OptionError(
    "data",
    data,
    "a file (CSV or JSON), { file, order }, or a list of objects",
  );
}
