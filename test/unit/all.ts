// All unit tests in one process, one file after the other: `npm run test:unit`. Files named in
// UNIT_TESTS, comma between them: only those. `npm test -- test/unit/policy` sets it.
//
// What a file leaves behind in the process would reach the files after it, so each is checked for
// that. A single file is a program of its own: node --import tsx test/unit/errors.test.ts
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import t from "tap";
import { leftBehind, processState } from "../helpers/process-state.js";

const FOLDER = import.meta.dirname;

function allFiles(): string[] {
  return readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => join(FOLDER, file))
    .sort();
}

t.setTimeout(240_000);
const given = (process.env.UNIT_TESTS ?? "").split(",").filter((path) => path !== "");
const files = given.length > 0 ? given.map((path) => resolve(path)) : allFiles();
let before = processState();

// The tests of the files stand in line behind this one. So what modules do to a process when they
// are loaded has been done before the first of them runs.
void t.test("the files load", async (all) => {
  t.testdir(); // its first use listens for the signals that end a process
  for (const file of files) {
    await import(pathToFileURL(file).href);
    void t.test(`${relative(process.cwd(), file)} leaves the process as it was`, async (t) => {
      t.same(await leftBehind(before), []);
      before = processState();
      // A hook of the test that all files share would be one of the files after it, too.
      t.notMatch(readFileSync(file, "utf8"), /^t\.(before|after|beforeEach|afterEach|teardown)\(/m);
    });
  }
  all.ok(files.length > 0);
  before = processState();
});
