import { readFileSync } from "node:fs";
import t from "tap";
import { resolveManagerOptions, resolveStickyOptions } from "../../src/options/options.js";
import { sourceFiles } from "../helpers/source-files.js";

const root = new URL("../../", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), "utf8");

const UNITS: Record<string, number> = { "": 1, ms: 1, s: 1_000, KiB: 1024, MiB: 1024 ** 2 };

/** "16 KiB" → 16384 */
function boundOf(bound: string): number {
  const [, digits = "", unit = ""] = /^([\d,]+) ?(\w*)$/.exec(bound) ?? [];
  return Number(digits.replaceAll(",", "")) * (UNITS[unit] ?? Number.NaN);
}

interface Row {
  name: string;
  file: string | undefined;
  value: number;
}

const ROW = /^\| [^|]+ \| ([^|]+) \| [^|]+ \| (?:option `(\w+)`|`([A-Z_]+)` in ([\w./-]+)) \|$/gm;
const rows: Row[] = [...read("SECURITY.md").matchAll(ROW)].map(
  ([, bound = "", option = "", constant, file]) => ({
    name: constant ?? option,
    file,
    value: boundOf(bound),
  }),
);

const CONSTANT = /^(?:export )?const ([A-Z][A-Z_]*) = ([\d_ .*+-]+);$/gm;

/** A bound whose value is computed when the program starts. */
const COMPUTED: Record<string, string> = {
  "worker/forwarding/envelope.ts MAX_ENVELOPE": "of ENVELOPE_BYTES and Node's maxHeaderSize",
};

/** "16 * 1024" → 16384 */
function evaluate(expression: string): number {
  return expression
    .replaceAll("_", "")
    .split("*")
    .reduce((product, factor) => product * Number(factor), 1);
}

const sources = sourceFiles().filter(({ path }) =>
  /^(primary|worker|policy|handoff|options|protocol|start|system)\/|^[\w-]+\.ts$/.test(path),
);

const constants = sources.flatMap(({ path, text }) =>
  [...text.matchAll(CONSTANT)].map(([, name = "", expression = ""]) => ({
    file: path,
    name,
    value: evaluate(expression),
  })),
);

/** How constants are called that bound something; what is called otherwise need not be in the table. */
const BOUND =
  /^(MAX|PER)_|(_|^)(TIMEOUT|GRACE|PATIENCE|LINGER|RETRIES|KEPT|BYTES|LINES|LIMIT|AFTER|WITHIN)$/;

/** Called like a bound, but bounding nothing that somebody else could exceed. */
const NO_BOUNDS: Record<string, string> = {
  "system/unix-socket.ts MAX_SOCKET_PATH": "the kernel's, for the path of a Unix socket",
  "primary/gateway-dir.ts GRACE": "how old a folder has to be to count as left behind",
  "primary/control/control-server.ts GRACE": "the same of a socket",
  "policy/drain.ts MAX_GAP": "a pace",
  "options/nearest-name.ts MAX_EDITS": "how far a typo may be from a name",
  "primary/workers/worker-registry.ts DISCONNECT_GRACE": "after which a dead worker is forgotten",
  "options/checks.ts MAX_DELAY": "Node's, for timers",
  "handoff/ipc-handles.ts LENGTH_BYTES": "the length of a length",
  "primary/observe/page-script.ts MAX_SAMPLES": "what a plot in somebody's browser shows",
};

t.test("the tables are read, and the constants", async (t) => {
  t.ok(rows.length > 30, `${rows.length} rows`);
  t.ok(constants.length > 40, `${constants.length} constants`);
  const lines = read("SECURITY.md").match(/^\| .* \|$/gm) ?? [];
  const others = lines.filter((line) => !line.match(new RegExp(ROW.source)));
  t.equal(others.length, 1 + 6 + 3, "all other rows are those of who is trusted, and titles");
  for (const { name, value } of rows) t.ok(value > 0, `${name}: ${value}`);
  t.equal(boundOf("1 MiB"), 1024 ** 2);
  t.ok(Number.isNaN(boundOf("1 parsec")));
  t.equal(evaluate("16 * 1_024"), 16_384);
});

t.test("each row has the value of the source", async (t) => {
  const options: Record<string, unknown> = {
    ...resolveManagerOptions(),
    ...resolveStickyOptions(),
  };
  for (const { name, file, value } of rows) {
    if (file === undefined) {
      t.equal(value, options[name], `option ${name}`);
    } else {
      const found = constants.find((constant) => constant.name === name && constant.file === file);
      t.equal(value, found?.value, `${name} in ${file}`);
    }
  }
});

t.test("each bound of the source has a row", async (t) => {
  const key = ({ file, name }: { file: string | undefined; name: string }) => `${file} ${name}`;
  const documented = new Set(rows.map(key));
  const bounds = constants.filter(({ name }) => BOUND.test(name)).map(key);
  const missing = bounds.filter((bound) => !documented.has(bound) && !(bound in NO_BOUNDS));
  t.strictSame(missing, [], "a row in SECURITY.md, or an entry in NO_BOUNDS");
  for (const name of Object.keys(NO_BOUNDS)) t.ok(bounds.includes(name), `${name} is still there`);
  const others = sources.flatMap(({ path, text }) =>
    [...text.matchAll(/^(?:export )?const ([A-Z][A-Z_]*)(?:: [^=]+)? = /gm)]
      .map(([, name = ""]) => ({ file: path, name }))
      .filter(({ name }) => BOUND.test(name))
      .map(key),
  );
  t.strictSame(
    others.filter((name) => !bounds.includes(name)),
    Object.keys(COMPUTED),
    "what is no plain number",
  );
});

t.test("README.md leads here", async (t) => {
  t.match(read("README.md"), "(SECURITY.md)");
});
