import { readdirSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Test files, as paths from the root, by how they run. A file's name says which it is. */
export interface TestFiles {
  /** `test/unit/**`: all in one process. */
  unit: string[];
  /** `test/integration/*.test.ts`: several at once. */
  together: string[];
  /** `*.timed.test.ts`, `*.timed.gate.test.ts`: by itself, because it measures time. */
  timed: string[];
  /** `*.gate.test.ts` that do not run: they do in the gate, or when they are named. */
  leftOut: string[];
}

/**
 * @param paths of files and folders; none: the whole suite
 * @param gate with those of the gate
 * @throws Error when one of the paths has no tests
 */
export function testFiles(paths: readonly string[], gate: boolean): TestFiles {
  const files: TestFiles = { unit: [], together: [], timed: [], leftOut: [] };
  const found = (paths.length > 0 ? paths : ["test"]).flatMap((path) => {
    const below = filesBelow(resolve(ROOT, path));
    if (below.length === 0) throw new Error(`${path}: no file *.test.ts is there`);
    return below;
  });
  for (const file of [...new Set(found)].sort()) {
    files[kindOf(file, gate || isNamed(file, paths))].push(file);
  }
  return files;
}

/** Whether a file is asked for by itself, not as one of a folder. */
export function isNamed(file: string, paths: readonly string[]): boolean {
  return paths.some((path) => relative(ROOT, resolve(ROOT, path)) === file);
}

function kindOf(file: string, gate: boolean): keyof TestFiles {
  if (file.startsWith("test/unit/")) return "unit";
  if (!gate && file.endsWith(".gate.test.ts")) return "leftOut";
  return /\.timed(\.gate)?\.test\.ts$/.test(file) ? "timed" : "together";
}

function filesBelow(path: string): string[] {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry === undefined) return [];
  const files = entry.isDirectory()
    ? readdirSync(path, { recursive: true, encoding: "utf8" }).map((name) => join(path, name))
    : [path];
  return files.filter((file) => file.endsWith(".test.ts")).map((file) => relative(ROOT, file));
}
