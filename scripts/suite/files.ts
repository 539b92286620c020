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
  /** `*.timed.test.ts`: by itself, because it measures time. */
  timed: string[];
  /** `*.gate.test.ts`: as `timed`; browsers and benchmarks, in the gate or when asked for. */
  gate: string[];
}

/**
 * @param paths of files and folders; none: the whole suite
 * @throws Error when one of them has no tests
 */
export function testFiles(paths: readonly string[]): TestFiles {
  const files: TestFiles = { unit: [], together: [], timed: [], gate: [] };
  const found = (paths.length > 0 ? paths : ["test"]).flatMap((path) => {
    const below = filesBelow(resolve(ROOT, path));
    if (below.length === 0) throw new Error(`${path}: no file *.test.ts is there`);
    return below;
  });
  for (const file of [...new Set(found)].sort()) files[kindOf(file)].push(file);
  return files;
}

function kindOf(file: string): keyof TestFiles {
  if (file.startsWith("test/unit/")) return "unit";
  if (file.endsWith(".gate.test.ts")) return "gate";
  return file.endsWith(".timed.test.ts") ? "timed" : "together";
}

function filesBelow(path: string): string[] {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry === undefined) return [];
  const files = entry.isDirectory()
    ? readdirSync(path, { recursive: true, encoding: "utf8" }).map((name) => join(path, name))
    : [path];
  return files.filter((file) => file.endsWith(".test.ts")).map((file) => relative(ROOT, file));
}
