import { readFileSync } from "node:fs";
import { OptionError } from "../../errors.js";
import type { Row } from "./types.js";

/**
 * The rows of a file: CSV, whose first line has the names, or a JSON array of objects.
 *
 * @param option what the file is called in messages
 * @throws OptionError
 */
export function readRows(file: string, option: string): Row[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    throw new OptionError(option, file, `a file that can be read (${(error as Error).message})`);
  }
  let rows: unknown;
  try {
    rows = file.endsWith(".json") ? JSON.parse(text) : parseCsv(text);
  } catch (error) {
    throw new OptionError(option, file, `a file that can be read (${(error as Error).message})`);
  }
  if (!Array.isArray(rows) || !rows.every(isRow)) {
    throw new OptionError(option, file, "CSV, or a JSON array of objects");
  }
  if (rows.length > 0) return rows;
  throw new OptionError(option, file, "a file with at least one row (of CSV, below the names)");
}

export function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** As RFC 4180 has it: commas, quotes that are doubled inside quotes, lines within quotes. */
export function parseCsv(text: string): Row[] {
  const [names = [], ...lines] = cells(text).filter((line) => line.some((cell) => cell !== ""));
  return lines.map((line) =>
    Object.fromEntries(names.map((name, n) => [name.trim(), line[n] ?? ""])),
  );
}

function cells(text: string): string[][] {
  const lines: string[][] = [[]];
  const cell = /("(?:[^"]|"")*"|(?!")[^,\r\n]*)(,|\r?\n|\r|$)/y;
  while (cell.lastIndex < text.length) {
    const line = lines.length;
    const found = cell.exec(text);
    if (found === null) throw new Error(`line ${line}: text behind a quoted value`);
    const [, raw = "", end = ""] = found;
    const value = raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw;
    lines.at(-1)?.push(value);
    if (end !== "," && end !== "") lines.push([]);
  }
  return lines;
}
