import t from "tap";
import { testFiles } from "../../../scripts/suite/files.js";

t.test("a file's name says how it runs, and each test file runs once", async (t) => {
  const { unit, together, timed, gate } = testFiles([]);
  t.ok(unit.includes("test/unit/suite/files.test.ts"));
  t.ok(timed.includes("test/integration/hang.timed.test.ts"));
  t.ok(gate.includes("test/integration/bench.gate.test.ts"));
  t.notOk(together.some((file) => /unit|timed|gate/.test(file)));
  const all = [...unit, ...together, ...timed, ...gate];
  t.equal(new Set(all).size, all.length);
});

t.test("files and folders can be named", async (t) => {
  const here = "test/unit/suite/files.test.ts";
  t.same(testFiles([here]).unit, [here]);
  t.same(testFiles(["test/unit/suite", here]).unit, [here, "test/unit/suite/read-tap.test.ts"]);
  t.same(testFiles(["test/unit"]).together, []);
});

t.test("a name without tests is refused", async (t) => {
  for (const path of ["test/nothing.test.ts", "test/helpers", "README.md"]) {
    t.throws(() => testFiles([path]), { message: `${path}: no file *.test.ts is there` });
  }
});
