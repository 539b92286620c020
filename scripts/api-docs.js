// docs/api.md, from the types and their comments. `--check`: is it what the sources say?
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FILE = "docs/api.md";
const MODULES = [
  ["index.md", "", "socket-supervisor"],
  ["app.md", "app-", "socket-supervisor/app"],
  ["testing.md", "testing-", "socket-supervisor/testing"],
];

const folder = mkdtempSync(join(tmpdir(), "api-"));
try {
  execFileSync("npx", ["typedoc", "--out", folder, "--logLevel", "Warn"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const text = assemble((name) => readFileSync(join(folder, name), "utf8"));
  if (!process.argv.includes("--check")) {
    writeFileSync(FILE, text);
  } else if (readFileSync(FILE, "utf8") !== text) {
    console.error(`${FILE} is not what the sources say: npm run docs:api`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** @param {(name: string) => string} read */
function assemble(read) {
  const parts = MODULES.map(([file, prefix, name]) => {
    const body = read(file).replace(/^# .*\n/, "");
    return `## \`${name}\`\n${withAnchors(body, prefix).trimEnd()}\n`;
  });
  const body = withoutDeadLinks(parts.join("\n"));
  const list = MODULES.map(([, , name]) => `[\`${name}\`](#${name.replace("/", "")})`);
  return `# API

Made from the sources by \`npm run docs:api\`: what each entry exports. Entries: ${list.join(", ")}.
The options with their defaults are in [options.md](options.md), the codes of errors in
[errors.md](errors.md).

${body}`;
}

/** typedoc counts anchors over all modules, and so gives some a number that there is not. */
function withoutDeadLinks(text) {
  const anchors = new Set([...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id));
  return text.replace(/\]\(#([^)]+?)(-\d+)\)/g, (link, id, number) =>
    !anchors.has(id + number) && anchors.has(id) ? `](#${id})` : link,
  );
}

/**
 * One file has one name for each anchor, so those of a module get its prefix; headings go one level
 * down, and the lowest are no headings any more.
 */
function withAnchors(text, prefix) {
  const seen = new Map();
  let isCode = false;
  const lines = text.split("\n").map((line) => {
    if (line.startsWith("```")) isCode = !isCode;
    if (isCode) return line;
    const [, marks, title] = /^(#+) (.*)$/.exec(line) ?? [];
    const linked = line
      .replace(/\]\((?:(\w+)\.md)?#([^)]+)\)/g, (_, module, id) => {
        const other = module === undefined ? prefix : module === "index" ? "" : `${module}-`;
        return `](#${other}${id})`;
      })
      .replace(/<a id="([^"]+)">/g, `<a id="${prefix}$1">`);
    if (marks === undefined) return linked;
    const slug = title
      .replace(/\\|`/g, "")
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .trim()
      .replace(/\s/g, "-");
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    const id = count === 0 ? slug : `${slug}-${count}`;
    const shown = marks.length < 4 ? `${marks}# ${title}` : `**${title}**`;
    return `<a id="${prefix}${id}"></a>\n\n${shown}`;
  });
  return lines.join("\n").replace(/\n{3,}/g, "\n\n");
}
