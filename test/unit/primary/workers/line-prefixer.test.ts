import t from "tap";
import { LinePrefixer } from "../../../../src/primary/workers/line-prefixer.js";

function prefixer() {
  const written: string[] = [];
  return { written, lines: new LinePrefixer("[2] ", (text) => written.push(text)) };
}

t.test("each line has the prefix, however it comes", async (t) => {
  const { written, lines } = prefixer();
  for (const text of ["on", "e\ntwo\n\nth", "ree\n"]) lines.push(text);
  t.equal(written.join(""), "[2] one\n[2] two\n[2] \n[2] three\n");
  t.ok(
    written.every((text) => text.endsWith("\n")),
    "never a part of a line, which another worker's could follow",
  );
});

t.test("what has no end is written when nothing more comes", async (t) => {
  const { written, lines } = prefixer();
  lines.push("no newline");
  t.strictSame(written, []);
  lines.end();
  lines.end();
  t.strictSame(written, ["[2] no newline\n"]);
});

t.test("B4 a line without an end is broken, not kept", async (t) => {
  const { written, lines } = prefixer();
  for (let n = 0; n < 100; n++) lines.push("x".repeat(1_000));
  const [first = ""] = written;
  t.equal(first.length, "[2] ".length + 66_000 + 1);
  lines.end();
  t.equal(written.join("").replaceAll(/\[2\] |\n/g, "").length, 100_000, "nothing is lost");
});
