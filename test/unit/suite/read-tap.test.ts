import { Readable } from "node:stream";
import t from "tap";
import { readTap } from "../../../scripts/suite/read-tap.js";

const read = (text: string) => readTap(Readable.from([text]));

t.test("assertions are counted, not the tests they are in", async (t) => {
  const file = await read(`TAP version 14
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
# Subtest: takes long
ok 4 - takes long # SKIP left to the gate
1..4
`);
  t.same(file, {
    ok: false,
    passed: 2,
    failed: 1,
    skipped: 1,
    leftOut: 1,
    skips: ["needs a program: no nginx"],
    failures: [{ name: "outer > inner > does not hold", diag: { found: 7 } }],
  });
});

t.test("all is well", async (t) => {
  const file = await read("TAP version 14\nok 1 - holds\n1..1\n");
  t.match(file, { ok: true, passed: 1, failed: 0, skipped: 0 });
});

t.test("a test that fails as a whole counts once, also beside others that fail", async (t) => {
  const file = await read(`TAP version 14
# Subtest: one
    not ok 1 - no
    1..1
not ok 1 - one
# Subtest: two
    ok 1 - yes
    1..1
not ok 2 - two
1..2
`);
  t.same(
    file.failures.map(({ name }) => name),
    ["one > no", "two"],
  );
});

t.test("an output that breaks off is a failure", async (t) => {
  for (const text of ["", "TAP version 14\nok 1 - a\n", "TAP version 14\nok 1 - a\n1..2\n"]) {
    t.match(await read(text), { ok: false, failed: 1 }, JSON.stringify(text));
  }
});
