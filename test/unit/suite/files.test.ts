import t from "tap";
import { testFiles } from "../../../scripts/suite/files.js";

t.test("a file's name says how it runs, and each test file runs once", async (t) => {
  const { unit, together, timed, leftOut } = testFiles([], true);
  t.ok(unit.includes("test/unit/suite/files.test.ts"));
  t.ok(timed.includes("test/integration/hang.timed.test.ts"));
  t.ok(timed.includes("test/integration/chaos.timed.gate.test.ts"));
  t.ok(together.includes("test/integration/bench.gate.test.ts"));
  t.same(
    together.filter((file) => /unit|timed/.test(file)),
    [],
  );
  t.same(leftOut, []);
  const all = [...unit, ...together, ...timed];
  t.equal(new Set(all).size, all.length);
});

t.test("files of the gate run in it, or when they are named", async (t) => {
  const all = testFiles([], true);
  const some = testFiles([], false);
  t.ok(some.leftOut.includes("test/integration/bench.gate.test.ts"));
  t.ok(some.leftOut.includes("test/integration/chaos.timed.gate.test.ts"));
  t.notMatch([...some.together, ...some.timed].join(), /gate/);
  const sizes = [some.together, some.timed, some.leftOut].map(({ length }) => length);
  t.equal(
    sizes.reduce((a, b) => a + b),
    all.together.length + all.timed.length,
    "none is forgotten",
  );
  const file = "test/integration/bench.gate.test.ts";
  t.same(testFiles([`./${file}`], false).together, [file]);
});

t.test("files and folders can be named", async (t) => {
  const here = "test/unit/suite/files.test.ts";
  t.same(testFiles([here], false).unit, [here]);
  const { unit } = testFiles(["test/unit/suite", here], false);
  t.same(unit, [...new Set(unit)], "each once");
  t.ok(unit.includes(here) && unit.includes("test/unit/suite/read-tap.test.ts"));
  t.same(testFiles(["test/unit"], true).together, []);
});

t.test("a name without tests is refused", async (t) => {
  for (const path of ["test/nothing.test.ts", "test/helpers", "README.md"]) {
    t.throws(() => testFiles([path], true), { message: `${path}: no file *.test.ts is there` });
  }
});
