import { Writable } from "node:stream";
import t from "tap";
import { BoundedRelay, MAX_STDERR_WAITING } from "../../../src/system/std-streams.js";

/** A stream whose reader reads when the test says so. */
function slowStream() {
  const written: string[] = [];
  let release: () => void = () => {};
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _, done) {
      written.push(chunk);
      release = done;
    },
  });
  return { stream, written, release: () => release() };
}

t.test(
  "B4 what waits for a reader of stderr is bounded, and what was dropped is told",
  async (t) => {
    const { stream, written, release } = slowStream();
    const relay = new BoundedRelay(stream as unknown as NodeJS.WriteStream);
    const line = `${"x".repeat(1_023)}\n`;
    for (let n = 0; n < 5_000; n++) relay.write(line);
    t.ok(stream.writableLength <= MAX_STDERR_WAITING, `${stream.writableLength} bytes wait`);
    t.ok(stream.writableLength > MAX_STDERR_WAITING / 2, "up to the bound nothing is lost");
    const kept = MAX_STDERR_WAITING / line.length;
    while (stream.writableLength > 0) {
      release();
      await new Promise(setImmediate);
    }
    t.equal(written.length, kept + 1);
    t.match(
      written.at(-1),
      `${(5_000 - kept) * line.length} bytes of the workers' stderr were dropped`,
    );
    relay.write("again");
    t.equal(stream.writableLength, 5, "and what comes then is passed on");
  },
);
