import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../src", import.meta.url));

export interface SourceFile {
  /** Relative to src/, as "primary/refuse.ts". */
  path: string;
  text: string;
  /** What it imports: paths like its own, or names of modules; types included. */
  imports: string[];
}

// `import … from "x"`, `export … from "x"`, `import "x"`, `import("x")`.
const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)"([^"]+)"/g;

/** All sources of the package. */
export function sourceFiles(): SourceFile[] {
  return readdirSync(ROOT, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"))
    .sort()
    .map((path) => {
      const text = readFileSync(`${ROOT}/${path}`, "utf8");
      return { path, text, imports: importsOf(path, text) };
    });
}

/** Exported for a test of its own: a parser that finds nothing would make every rule hold. */
export function importsOf(path: string, text: string): string[] {
  return [...withoutComments(text).matchAll(IMPORT)].map(([, name = ""]) =>
    name.startsWith(".") ? posix.join(posix.dirname(path), name).replace(/\.js$/, ".ts") : name,
  );
}

export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}
