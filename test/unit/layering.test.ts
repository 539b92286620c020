import { readdirSync, readFileSync } from "node:fs";
import t from "tap";
import {
  importsOf,
  type SourceFile,
  sourceFiles,
  withoutComments,
} from "../helpers/source-files.js";

const files = sourceFiles();
const byPath = new Map(files.map((file) => [file.path, file]));

type Layer =
  | ("entry" | "primary" | "worker" | "start/primary" | "start/worker")
  | ("load" | "app" | "testing" | "policy" | "base");

/** What each layer may import of the others (DESIGN, section 7). */
const MAY_IMPORT: Record<Layer, readonly Layer[]> = {
  entry: ["entry", "primary", "worker", "start/primary", "load", "app", "policy", "base"],
  primary: ["primary", "policy", "base"],
  worker: ["worker", "policy", "base"],
  // An unchanged server: its primary is a command, its worker side a preload.
  "start/primary": ["start/primary", "primary", "policy", "base"],
  "start/worker": ["start/worker", "worker", "policy", "base"],
  load: ["load", "policy", "base"],
  app: ["app", "policy", "base"],
  // It runs a primary, in a process of its own.
  testing: ["testing", "primary", "policy", "base"],
  policy: ["policy"],
  base: ["policy", "base"],
};

/** What both sides of the ways between processes have in common. */
const BASE = [
  "connect-reason.ts",
  "diagnostics.ts",
  "errors.ts",
  "limits.ts",
  "manager-contract.ts",
  "pm2.ts",
  "handoff",
  "options",
  "protocol",
  "system",
];

function layerOf(path: string): Layer {
  const [folder = "", rest] = path.split("/");
  if (path.startsWith("start/primary/")) return "start/primary";
  if (path.startsWith("start/worker/")) return "start/worker";
  if (BASE.includes(folder)) return "base";
  if (folder === "cli" || rest === undefined) return "entry";
  for (const layer of ["primary", "worker", "load", "app", "testing", "policy"] as const) {
    if (folder === layer) return layer;
  }
  throw new Error(`src/${path}: this test has to be told which layer that is`);
}

const isOwn = (path: string): boolean => path.endsWith(".ts");

/** The first cycle that is found, as a list of paths. */
function findCycle(all: ReadonlyMap<string, Pick<SourceFile, "imports">>): string[] | undefined {
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of all.get(path)?.imports.filter(isOwn) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of all.keys()) {
    const cycle = visit(path, []);
    if (cycle) return cycle;
  }
  return undefined;
}

t.test("this test sees the imports", async (t) => {
  const text = [
    'import a from "node:a";',
    'import { type B, c } from "./b.js";',
    'import type { D } from "../errors.js";',
    'import {\n  e,\n} from "../policy/e.js";',
    'export { f } from "./f.js";',
    'export type { G } from "./g.js";',
    'import "./h.js";',
    'const i = await import("./i.js");',
    '// import "./comment.js";',
    '/* from "./comment.js" */',
  ].join("\n");
  t.strictSame(importsOf("worker/x.ts", text), [
    "node:a",
    "worker/b.ts",
    "errors.ts",
    "policy/e.ts",
    "worker/f.ts",
    "worker/g.ts",
    "worker/h.ts",
    "worker/i.ts",
  ]);
  const wanted = ["handoff/stop-reads.ts", "primary/sessions/placement.ts", "node:net"];
  for (const name of wanted)
    t.ok(byPath.get("primary/routing/sticky-balancer.ts")?.imports.includes(name));
  t.ok(files.length > 25, `${files.length} files`);
});

t.test("every import of ours leads to a file of ours", async (t) => {
  const lost = files.flatMap(({ path, imports }) =>
    imports.filter((name) => isOwn(name) && !byPath.has(name)).map((name) => `${path}: ${name}`),
  );
  t.strictSame(lost, []);
});

t.test("dependencies point one way", async (t) => {
  const wrong = files.flatMap(({ path, imports }) => {
    const allowed = MAY_IMPORT[layerOf(path)];
    const others = imports.filter((name) => isOwn(name) && !allowed.includes(layerOf(name)));
    return others.map((name) => `${path}: ${name}`);
  });
  t.strictSame(wrong, []);
});

t.test("policy is pure: it imports nothing of Node", async (t) => {
  for (const { path, imports } of files.filter(({ path }) => layerOf(path) === "policy")) {
    t.strictSame(
      imports.filter((name) => !isOwn(name)),
      [],
      path,
    );
  }
});

t.test("nothing imports in circles, not even types", async (t) => {
  const circle = { "a.ts": ["b.ts"], "b.ts": ["c.ts", "node:x"], "c.ts": ["b.ts"] };
  const all = new Map(Object.entries(circle).map(([path, imports]) => [path, { imports }]));
  t.strictSame(findCycle(all), ["b.ts", "c.ts", "b.ts"], "this test finds one");
  t.equal(findCycle(byPath), undefined);
});

/** A folder of src, or one within primary, worker or start; of other files their path. */
function roomOf(path: string): string {
  const [side = "", folder, file] = path.split("/");
  const rooms = ["primary", "worker", "start"].includes(side) ? file && `${side}/${folder}` : side;
  return folder !== undefined && rooms ? `${rooms}.ts` : path;
}

t.test("folders point one way", async (t) => {
  const rooms = new Map<string, { imports: string[] }>();
  for (const { path, imports } of files) {
    const room = rooms.get(roomOf(path)) ?? { imports: [] };
    rooms.set(roomOf(path), room);
    const others = imports.filter(isOwn).map(roomOf);
    room.imports.push(...others.filter((name) => name !== roomOf(path)));
  }
  const expected = ["primary/observe.ts", "worker/transport.ts", "options.ts", "start/worker.ts"];
  for (const name of expected) t.ok(rooms.has(name), name);
  t.equal(findCycle(rooms), undefined);
});

t.test("index.ts only exports", async (t) => {
  const text = withoutComments(byPath.get("index.ts")?.text ?? "");
  t.match(text, /export/);
  t.equal(text.replace(/export (type )?\{[^}]*\} from "[^"]+";/g, "").trim(), "");
});

t.test("files are small", async (t) => {
  const lengths = files.map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }));
  t.strictSame(
    lengths.filter(({ lines }) => lines > 350),
    [],
  );
  const long = lengths.filter(({ lines }) => lines > 250);
  t.ok(long.length <= files.length / 10, `above 250 lines: ${long.map(({ path }) => path)}`);
});

t.test(
  "what benchmarks and the hostile harness share with tests does not run as a test",
  async (t) => {
    const helpers = readdirSync("test/helpers").filter((name) =>
      /^import (?!type\b).*"tap";/m.test(readFileSync(`test/helpers/${name}`, "utf8")),
    );
    t.same(helpers, ["pm2.ts", "shared-cluster.ts"]);
  },
);

t.test("nothing is spread only to please the formatter", async (t) => {
  const dodge = /\.\.\.\{|\.\.\.\[[^\]]*\](?=[,\s]*[\]}])/;
  t.match("{ ...{ a, b }, c }", dodge, "this test finds one");
  const found = files.filter(({ text }) => dodge.test(withoutComments(text)));
  t.same(
    found.map(({ path }) => path),
    [],
  );
});
