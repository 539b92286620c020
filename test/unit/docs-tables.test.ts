import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { MAX_QUEUE } from "../../src/limits.js";
import {
  resolveManagerOptions,
  resolveStickyOptions,
  resolveWorkerOptions,
} from "../../src/options/options.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** The rows of the first table after a heading: option, default. */
function rowsOf(page: string, heading: string): [options: string[], fallback: string][] {
  const [, section = ""] = page.split(`## \`${heading}\`\n`);
  const [table = ""] = /(^\|.*\n)+/m.exec(section) ?? [];
  return [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) \| (.*?) \| /gm)].map(
    ([, names = "", fallback = ""]) => [names.replaceAll("`", "").split(", "), fallback],
  );
}

/** "30,000 ms" → 30000; `undefined`: not a plain value. */
function defaultIn(text: string): unknown {
  const [, number] = /^([\d,]+)(?: ms| \(.*\))?$/.exec(text) ?? [];
  if (number !== undefined) return Number(number.replaceAll(",", ""));
  const [, code] = /^`("[\w-]+"|true|false|\[\]|\{\})`$/.exec(text) ?? [];
  return code === undefined ? undefined : JSON.parse(code);
}

const page = read("docs/options.md");

for (const [heading, resolved, others] of [
  ["new ClusterManager(options)", resolveManagerOptions(), []],
  ["setupStickyMaster(server, options)", resolveStickyOptions(), []],
  ["setupWorker(io, options)", resolveWorkerOptions(), ["adapter"]],
] as const) {
  t.test(`docs/options.md has all options of ${heading}, with their defaults`, async (t) => {
    const rows = rowsOf(page, heading);
    const names = rows.flatMap(([options]) => options);
    t.strictSame(names.sort(), [...Object.keys(resolved), ...others].sort(), "each once");
    let compared = 0;
    for (const [options, fallback] of rows) {
      const texts = options.length === 1 ? [fallback] : fallback.split(/, (?=\d+,\d{3} ms)/);
      for (const [index, name] of options.entries()) {
        const value = defaultIn(texts[index] ?? fallback);
        if (value === undefined || name === "sticky") continue;
        const actual: unknown = Reflect.get(resolved, name);
        // Undefined until something is told its bound.
        t.strictSame(name === "maxQueue" ? (actual ?? MAX_QUEUE) : actual, value, name);
        compared++;
      }
    }
    t.ok(compared >= 2, `${compared} values`);
  });
}

const pages = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"].concat(
  ["docs", "docs/decisions", "examples", "bench"].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `${folder}/${name}`),
  ),
);

/** As GitHub makes them of headings, and those that are written. */
function anchorsOf(text: string): Set<string> {
  const headings = text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/^#+ (.*)$/gm);
  const written = text.matchAll(/<a id="([^"]+)">/g);
  const slugs = [...headings].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .replace(/\s/g, "-"),
  );
  return new Set([...slugs, ...[...written].map(([, id = ""]) => id)]);
}

t.test("every link of a page leads to a file that is there, and to a heading of it", async (t) => {
  t.ok(pages.length > 25, `${pages.length} pages`);
  for (const page of pages) {
    const text = read(page).replace(/^```[\s\S]*?^```$/gm, "");
    const dead = [...text.matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].filter(
      ([, path = "", anchor]) => {
        const file = path === "" ? page : join(dirname(page), path);
        if (!existsSync(join(ROOT, file))) return true;
        return anchor !== undefined && !anchorsOf(read(file)).has(anchor);
      },
    );
    t.strictSame(
      dead.map(([link]) => link),
      [],
      page,
    );
  }
});
