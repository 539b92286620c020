import { readFileSync } from "node:fs";
import t from "tap";
import { sourceFiles } from "../helpers/source-files.js";

const text = readFileSync(new URL("../../docs/ARCHITECTURE.md", import.meta.url), "utf8");

t.test("files that docs/ARCHITECTURE.md names are where it says", async (t) => {
  const paths = new Set(sourceFiles().map(({ path }) => path));
  const missing: string[] = [];
  let named = 0;
  for (const line of text.split("\n")) {
    // In a row of the table of folders, the paths begin at its folder.
    const folder = /^\| `src\/(\w+)` \|/.exec(line)?.[1];
    for (const [, name = ""] of line.matchAll(/`([\w./-]+\.ts)`/g)) {
      named++;
      const path = name.startsWith("src/") ? name.slice(4) : folder ? `${folder}/${name}` : name;
      if (!paths.has(path)) missing.push(name);
    }
  }
  t.ok(named > 40, `${named} names`);
  t.same(missing, [], "paths begin at src/, or at the folder of the row");
});

t.test("each folder of src has a row", async (t) => {
  const folders = new Set(
    sourceFiles().flatMap(({ path }) => (path.includes("/") ? [path.split("/")[0]] : [])),
  );
  for (const folder of folders) t.match(text, new RegExp(`^\\| .*\`src/${folder}\``, "m"));
});
