import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import { commandOf, EXAMPLES } from "../helpers/examples.js";
import { ROOT } from "../helpers/spawned.js";

const LIMIT = 30;

/** Lines that are neither empty nor comments. */
function codeLines(file: string): number {
  const lines = readFileSync(join(ROOT, file), "utf8").split("\n");
  return lines.filter((line) => line.trim() !== "" && !/^\s*(\/\/|\/\*|\*)/.test(line)).length;
}

for (const file of Object.values(EXAMPLES)) {
  t.test(`every file of ${dirname(file)} has less than ${LIMIT} lines of code`, async (t) => {
    const folder = dirname(file);
    const sources = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => /\.[jt]s$/.test(path) && !path.startsWith("dist/"))
      .map((path) => join(folder, path));
    t.ok(sources.includes(file));
    for (const source of sources) {
      const count = codeLines(source);
      t.ok(count > 0 && count < LIMIT, `${source}: ${count}`);
    }
  });
}

t.test("the list of the examples has all of them, with the commands that they say", async (t) => {
  const list = readFileSync(join(ROOT, "examples/README.md"), "utf8");
  for (const file of Object.values(EXAMPLES)) {
    t.match(list, `(${file.replace("examples/", "")}) | \`${commandOf(file)}\` |`);
  }
  const folders = readdirSync(join(ROOT, "examples"), { withFileTypes: true });
  for (const { name } of folders.filter((entry) => entry.isDirectory())) {
    t.match(list, `](${name}`);
  }
});
