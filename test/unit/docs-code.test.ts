// All programs in the pages: each parses, has its imports, and asks this package only for what it has.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import t from "tap";
import { blocksOf, commandsOf, pages } from "../helpers/docs-code.js";
import { ROOT } from "../helpers/spawned.js";

const PROGRAMS = ["js", "ts", "mjs", "cjs"];
const programs = pages()
  .flatMap(blocksOf)
  .filter(({ language }) => PROGRAMS.includes(language));

/** The README's are named by the text. */
const nameOf = ({ page, name, line, code }: (typeof programs)[number]): string =>
  name ?? (page === "README.md" ? `${line}.${code.includes("require(") ? "cjs" : "mjs"}` : "");

t.test("every program of a page says the name of its file first", async (t) => {
  t.ok(programs.length > 25, `${programs.length} programs`);
  const unnamed = programs.filter((program) => nameOf(program) === "");
  t.same(
    unnamed.map(({ page, line }) => `${page}:${line}`),
    [],
  );
});

/** What of TypeScript's errors in JavaScript is not about types: no syntax, no such name or module. */
const NOT_ABOUT_TYPES =
  /error TS(1\d{3}|2300|2304|2305|2307|2451|2552|2580|2582|2584|2591|2613|2614|2724|18004):/;

/** What the compiler says of the programs, a line each. */
async function complaints(all: ReadonlyMap<string, string>): Promise<string[]> {
  await mkdir(join(ROOT, ".tap"), { recursive: true });
  const dir = await mkdtemp(join(ROOT, ".tap", "docs-code-"));
  try {
    for (const [path, code] of all) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), code);
    }
    const config = {
      extends: join(ROOT, "tsconfig.json"),
      compilerOptions: {
        allowJs: true,
        checkJs: true,
        rootDir: ROOT,
        verbatimModuleSyntax: false,
        isolatedModules: false,
        lib: ["ES2023", "DOM"],
        paths: {
          "socket-supervisor": [join(ROOT, "src/index.ts")],
          "socket-supervisor/app": [join(ROOT, "src/app/index.ts")],
          "socket-supervisor/testing": [join(ROOT, "src/testing/index.ts")],
        },
      },
      include: ["**/*"],
    };
    await writeFile(join(dir, "package.json"), '{ "type": "module" }');
    await writeFile(join(dir, "tsconfig.json"), JSON.stringify(config));
    const compiler = join(ROOT, "node_modules/.bin/tsc");
    const said = await new Promise<string>((resolve, reject) => {
      execFile(compiler, ["-p", dir, "--pretty", "false"], { cwd: dir }, (error, stdout) => {
        if (error !== null && stdout === "") reject(error);
        else resolve(stdout);
      });
    });
    return said
      .split("\n")
      .filter((line) => /error TS/.test(line))
      .filter((line) => /\.ts\(/.test(line) || NOT_ABOUT_TYPES.test(line));
  } finally {
    await rm(dir, { recursive: true });
  }
}

t.test("every program parses, and has its imports", async (t) => {
  // Those of examples/ are held equal to the files there, which are compiled with their own settings.
  const own = programs.filter(({ name = "" }) => !name.startsWith("examples/"));
  const files = new Map(own.map((item) => [`${item.page}/${nameOf(item)}`, item.code]));
  t.equal(files.size, own.length, "no name comes twice in a page");
  const control = new Map([
    ["control/name.mjs", "await setupWorker(io);\n"],
    ["control/export.mjs", 'import { noSuchThing } from "socket-supervisor";\nnoSuchThing();\n'],
    ["control/types.ts", 'export const n: number = "";\n'],
  ]);
  // By itself: what does not parse keeps the compiler from everything else.
  const broken = new Map([["syntax.mjs", "const a = ;\n"]]);
  const [said, saidOfBroken] = await Promise.all([
    complaints(new Map([...files, ...control])),
    complaints(broken),
  ]);
  for (const path of control.keys()) {
    t.ok(
      said.some((line) => line.startsWith(path)),
      `${path}: this test finds it`,
    );
  }
  t.same(
    said.filter((line) => !line.startsWith("control/")),
    [],
  );
  t.match(saidOfBroken, [/^syntax\.mjs/]);
});

/** Every kind of command that the pages have, and where it is run; or why it is not. */
const COMMANDS: readonly (readonly [RegExp, where: string])[] = [
  [/^npm install (--save-dev )?[\w.@ -]+$/, "test/helpers/installed.ts has what it would install"],
  [/^node server\.mjs$/, "test/integration/quick-start.gate.test.ts"],
  [
    /^(npx socket-supervisor (start|status|reload|list|scale|inspect|load|stop)\b.*|node --test)$/,
    "test/integration/docs-programs.gate.test.ts",
  ],
  [/^npm ci( && .*)?$/, ".ci/run begins so"],
  [/^npm run dev$/, "does not end"],
  [/^(PORT=7001 HOST=127\.0\.0\.1 )?node bootstrap\.js$/, "test/integration/chat.gate.test.ts"],
  [/^node examples\/load\/server\.js$/, "test/integration/docs-programs.gate.test.ts"],
  [/^npm run bench(:\w+)?( -- .*)?$/, "test/integration/bench.gate.test.ts runs a part"],
  [
    /^(nginx|haproxy|apache2|caddy|node proxy\.mjs)\b/,
    "test/integration/proxies.gate.test.ts, proxies-two-machines.gate.test.ts",
  ],
  [
    /^pm2 (start|trigger|sendSignal|describe|stop)\b/,
    "test/integration/pm2.gate.test.ts, start-pm2.gate.test.ts",
  ],
  [
    /^(sudo|docker|journalctl|cd) /,
    "needs root or a daemon; test/integration/deploy.test.ts checks and imitates what it says",
  ],
];

t.test("every command of a page is run somewhere, or it is said why not", async (t) => {
  const commands = pages()
    .flatMap(blocksOf)
    .filter(({ language }) => language === "sh")
    .flatMap(commandsOf);
  t.ok(commands.length > 50, `${commands.length} commands`);
  t.same(
    commands.filter((command) => !COMMANDS.some(([pattern]) => pattern.test(command))),
    [],
  );
  const unused = COMMANDS.filter(([pattern]) => !commands.some((line) => pattern.test(line)));
  t.same(unused, [], "each kind is there");
  for (const [, where] of COMMANDS) {
    for (const [path] of where.matchAll(/test\/[\w/.-]+\.ts/g)) t.ok(existsSync(path), path);
  }
});
