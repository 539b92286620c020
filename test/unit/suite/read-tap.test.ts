import { Readable } from "node:stream";
import t from "tap";
import { type FileResult, readTap } from "../../../scripts/suite/read-tap.js";

const read = (text: string): Promise<FileResult[]> => readTap(Readable.from([text]));

const RUN = `TAP version 14
# Subtest: a.test.ts
    ok 1 - outside of any test
    # Subtest: outer
        # Subtest: inner
            ok 1 - holds
            not ok 2 - does not hold
              ---
              found: 7
              ...
            1..2
        not ok 1 - inner # time=1ms
        1..1
    not ok 2 - outer # time=2ms
    # Subtest: needs a program
    ok 3 - needs a program # SKIP no nginx
    1..3
not ok 1 - a.test.ts # time=1500ms
# Subtest: b.test.ts
    ok 1 - holds
    1..1
ok 2 - b.test.ts # time=20ms
1..2
`;

t.test("assertions are counted, not the tests they are in", async (t) => {
  const files = await read(RUN);
  t.match(files, [
    { name: "a.test.ts", ok: false, passed: 2, failed: 1, skipped: 1, duration: 1_500 },
    { name: "b.test.ts", ok: true, passed: 1, failed: 0, skipped: 0, duration: 20 },
  ]);
  t.same(files[0]?.failures, [{ name: "outer > inner > does not hold", diag: { found: 7 } }]);
  t.same(files[0]?.skips, ["needs a program: no nginx"]);
});

t.test("a file that fails without a failed assertion has failed", async (t) => {
  const [file] = await read(`TAP version 14
# Subtest: a.test.ts
    ok 1 - holds
    1..1
not ok 1 - a.test.ts # time=9ms
  ---
  exitCode: 7
  ...
1..1
`);
  t.match(file, { ok: false, passed: 1, failed: 1, failures: [{ diag: { exitCode: 7 } }] });
});

t.test("a test that fails as a whole counts once, also beside others that fail", async (t) => {
  const [file] = await read(`TAP version 14
# Subtest: a.test.ts
    # Subtest: one
        not ok 1 - no
        1..1
    not ok 1 - one
    # Subtest: two
        ok 1 - yes
        1..1
    not ok 2 - two
    1..2
not ok 1 - a.test.ts
1..1
`);
  t.same(
    file?.failures.map(({ name }) => name),
    ["one > no", "two"],
  );
});

t.test("an output that breaks off is a failure", async (t) => {
  const files = await read("TAP version 14\nok 1 - a.test.ts\n1..2\n");
  t.match(files.at(-1), { name: "the run itself", ok: false, failed: 1 });
});
