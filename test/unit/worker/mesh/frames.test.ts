import fc from "fast-check";
import t from "tap";
import {
  FrameError,
  FrameReader,
  frameOf,
  hashesFrame,
  Kind,
  readHashes,
} from "../../../../src/worker/mesh/frames.js";

/** Cuts `bytes` in pieces of these sizes, over and over. */
function* pieces(bytes: Buffer, sizes: readonly number[]): Iterable<Buffer> {
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });

t.test("M1 frames come out as they went in, however they are cut", async () => {
  fc.assert(
    fc.property(payloads, sizes, (all, cuts) => {
      const reader = new FrameReader();
      const bytes = Buffer.concat(all.map((payload) => frameOf(Kind.MESSAGE, payload)));
      const read: Buffer[] = [];
      for (const piece of pieces(bytes, cuts)) {
        reader.push(piece, (_, payload) => {
          read.push(Buffer.from(payload));
        });
      }
      return (
        read.length === all.length &&
        read.every((payload, n) => payload.equals(all[n] ?? Buffer.from("?")))
      );
    }),
  );
});

t.test("M4 whatever the bytes are, nothing but a FrameError is thrown", async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), sizes, (bytes, cuts) => {
      const reader = new FrameReader(1000);
      try {
        for (const piece of pieces(Buffer.from(bytes), cuts)) {
          reader.push(piece, (kind, payload) => {
            if (kind === Kind.JOIN) for (const _ of readHashes(payload));
          });
        }
        return true;
      } catch (error) {
        return error instanceof FrameError;
      }
    }),
    { numRuns: 2_000 },
  );
});

t.test("a frame that is too long is refused before it is there", async (t) => {
  const reader = new FrameReader(10);
  const head = frameOf(Kind.MESSAGE, Buffer.alloc(11)).subarray(0, 5);
  t.throws(() => reader.push(head, () => {}), FrameError);
});

t.test("who stops reading leaves the rest", async (t) => {
  const reader = new FrameReader();
  const bytes = Buffer.concat([frameOf(1, Buffer.from("a")), frameOf(12, Buffer.from("b"))]);
  const read: number[] = [];
  reader.push(bytes, (kind) => {
    read.push(kind);
    return false;
  });
  t.strictSame(read, [1]);
  t.strictSame(reader.rest(), frameOf(12, Buffer.from("b")));
});

t.test("hashes", async (t) => {
  const payload = hashesFrame(Kind.JOIN, [1, 0xffffffff]).subarray(5);
  t.strictSame([...readHashes(payload)], [1, 0xffffffff]);
  t.throws(() => [...readHashes(payload.subarray(1))], FrameError);
});
