import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Test } from "tap";
import { ROOT } from "./spawned.js";

/**
 * Writes the files that a document shows, each by the name in its first line, to a folder that
 * goes with the test. There the package can be imported by its name.
 *
 * @returns the folder, and the names of the files
 */
export async function filesOf(
  t: Test,
  document: string,
  language: "js" | "ts",
): Promise<{ dir: string; names: string[] }> {
  const text = readFileSync(join(ROOT, document), "utf8");
  await mkdir(join(ROOT, ".tap"), { recursive: true });
  const dir = await mkdtemp(join(ROOT, ".tap", "docs-"));
  t.teardown(() => rm(dir, { recursive: true }));
  const block = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm");
  const names: string[] = [];
  for (const [, code = ""] of text.matchAll(block)) {
    const name = /^\/\/ ([\w.-]+)\n/.exec(code)?.[1];
    if (name === undefined) throw new Error(`${document}: a file without its name`);
    names.push(name);
    await writeFile(join(dir, name), code);
  }
  return { dir, names };
}
