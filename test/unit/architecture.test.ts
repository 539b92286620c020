import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
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

t.test("files that decisions, SECURITY.md and CONTRIBUTING.md name are there", async (t) => {
  const folder = new URL("../../docs/decisions/", import.meta.url);
  const texts = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), "utf8"));
  for (const name of ["SECURITY.md", "CONTRIBUTING.md"]) {
    texts.push(readFileSync(new URL(`../../${name}`, import.meta.url), "utf8"));
  }
  const names = texts.flatMap((text) =>
    [...text.matchAll(/`(?:src\/)?([a-z]+\/(?![\w/*]*x\.)[\w./-]+\.ts)`/g)].map(
      ([, name = ""]) => name,
    ),
  );
  t.ok(names.length > 10, `${names.length} names`);
  const isThere = (name: string) =>
    sourceFiles().some(({ path }) => path === name) ||
    existsSync(new URL(`../../${name}`, import.meta.url));
  t.same(
    names.filter((name) => !isThere(name)),
    [],
  );
});

/** The rows of the table that begins with `head`, as cells. */
function rowsOf(head: string): string[][] {
  const [, below = ""] = text.split(`${head}\n`);
  const [table = ""] = /^(\|.*\n)+/.exec(below) ?? [];
  const rows = table.trim().split("\n").slice(1); // the first is the line under the head
  return rows.map((row) => row.split("|").slice(1, -1));
}

const namesIn = (cell = ""): string[] => [...cell.matchAll(/`([\w./-]+)`/g)].map(([, n = ""]) => n);

/** Of a path below src, the folder or the file at the root. */
const topOf = (path: string): string => `src/${path.split("/")[0]}`;

t.test("the table of src has what is there, and each row imports only rows above it", async (t) => {
  const rows = rowsOf("| folder | what | imports |").map(([names, , imports]) => ({
    names: namesIn(names),
    imports: imports?.trim(),
  }));
  const there = new Set(sourceFiles().map(({ path }) => topOf(path)));
  const listed = rows.flatMap(({ names }) => names);
  t.strictSame([...listed].sort(), [...there].sort(), "each once");
  const rowOf = (path: string) => rows.findIndex(({ names }) => names.includes(topOf(path)));
  const wrong = sourceFiles().flatMap(({ path, imports }) => {
    const own = rowOf(path);
    const isWrong = (other: number) =>
      rows[own]?.imports === "nothing" ? other !== own : other > own;
    return imports
      .filter((name) => name.endsWith(".ts") && isWrong(rowOf(name)))
      .map((name) => `${path} imports ${name}`);
  });
  t.same(wrong, []);
});

t.test("the table of primary and worker has all their folders", async (t) => {
  const rows = rowsOf("| folder of `src/primary` | what | folder of `src/worker` | what |");
  for (const [side, column] of [
    ["primary", 0],
    ["worker", 2],
  ] as const) {
    const parts = sourceFiles().map(({ path }) => path.split("/"));
    const there = new Set(
      parts.flatMap(([top, folder = "", file]) =>
        top === side && file !== undefined ? [folder] : [],
      ),
    );
    const listed = rows.flatMap((row) => namesIn(row[column]));
    t.strictSame(listed.sort(), [...there].sort(), side);
  }
});

/** The walks of the page: their titles, and the files of each step. */
function walks(): { title: string; steps: string[][] }[] {
  const [, section = ""] = text.split("\n## Three walks\n");
  const [walks = ""] = section.split("\n## ");
  return walks
    .split("\n### ")
    .slice(1)
    .map((walk) => ({
      title: walk.split("\n")[0] ?? "",
      steps: walk
        .split(/^\d+\. /m)
        .slice(1)
        .map((step) => [...step.matchAll(/`([\w./-]+\.ts)`/g)].map(([, name = ""]) => name)),
    }));
}

/** Messages between processes that a file names. */
const messagesIn = (source: string): string[] =>
  [...source.matchAll(/"((?:supervisor|sticky):[\w-]+)"/g)].map(([, type = ""]) => type);

t.test("each step of a walk is joined to one before it", async (t) => {
  const files = new Map(sourceFiles().map((file) => [file.path, file]));
  const isJoined = (one: string, other: string): boolean => {
    const [a, b] = [files.get(one), files.get(other)];
    if (a === undefined || b === undefined) return false;
    if (a.imports.includes(other) || b.imports.includes(one)) return true;
    const beside = (path: string): boolean =>
      [one, other].some((file) => dirname(file) === dirname(path));
    if (a.imports.some((path) => beside(path) && b.imports.includes(path))) return true;
    const said = messagesIn(a.text);
    return messagesIn(b.text).some((type) => said.includes(type));
  };
  t.notOk(isJoined("policy/drain.ts", "primary/routing/refuse.ts"), "this test can fail");
  const found = walks();
  t.same(
    found.map(({ title }) => title),
    ["A connection", "A poll of another worker's session", "A crash"],
  );
  for (const { title, steps } of found) {
    t.ok(
      steps.every((step) => step.length > 0),
      `${title}: each step names its file`,
    );
    const names = steps.flat();
    const alone = names.filter(
      (name, index) => index > 0 && !names.slice(0, index).some((other) => isJoined(name, other)),
    );
    t.same(alone, [], title);
  }
});
