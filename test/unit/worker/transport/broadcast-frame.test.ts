import { createRequire } from "node:module";
import fc from "fast-check";
import { Decoder, Encoder } from "socket.io-parser";
import t from "tap";
import { FRAME_HEAD, FrameError } from "../../../../src/worker/mesh/frames.js";
import { broadcastFrame, readBroadcast } from "../../../../src/worker/transport/broadcast-frame.js";
import {
  type Packet,
  toEncodedPacket,
  webSocketFrame,
  withId,
} from "../../../../src/worker/transport/encoded-packet.js";
import { messageFrame, readMessage } from "../../../../src/worker/transport/message-frame.js";

const require = createRequire(import.meta.url);
const msgpack = require("socket.io-msgpack-parser") as typeof import("socket.io-parser");
const { Sender } = require("ws") as { Sender: { frame(data: Buffer, options: object): Buffer[] } };

const json = fc.jsonValue({ maxDepth: 3 });
const packets = fc.record({
  type: fc.constant(2),
  data: fc.array(json, { maxLength: 4 }).map((args) => ["news", ...args]),
  nsp: fc.constantFrom("/", "/custom", "/a-1[2"),
});

/** What goes to another worker, and comes out there. */
function travelled(packet: Packet, encoded: unknown[], rooms: unknown[] = []) {
  const taken = toEncodedPacket(packet, encoded);
  if (taken === undefined) throw new Error("It is not sent so");
  const opts = { rooms: rooms as string[], except: ["out"], flags: { compress: false } };
  const frame = broadcastFrame({ uid: "u", nsp: "/x", opts, packet: taken, requestId: "7" });
  return readBroadcast(frame.subarray(FRAME_HEAD));
}

t.test("M5 what a parser gave comes out as it was", async () => {
  fc.assert(
    fc.property(packets, fc.uint8Array(), fc.boolean(), (packet, bytes, isBinary) => {
      const whole = isBinary ? { ...packet, data: [...packet.data, Buffer.from(bytes)] } : packet;
      const encoded = new Encoder().encode(whole);
      const { packet: read, message } = travelled(whole, encoded);
      const [only] = encoded;
      return (
        read.parts.length === encoded.length &&
        read.parts.every((part, n) => Buffer.from(part).equals(Buffer.from(encoded[n]))) &&
        (isBinary ? message === undefined : message?.toString() === `4${only}`)
      );
    }),
  );
});

t.test("M5 the number of an acknowledgement is that of the client's worker", async () => {
  fc.assert(
    fc.property(packets, fc.nat(), fc.nat(), fc.boolean(), (packet, theirs, ours, isBinary) => {
      const data = isBinary ? [...packet.data, Buffer.from([1])] : packet.data;
      const { packet: read } = travelled(
        { ...packet, id: theirs },
        new Encoder().encode({ ...packet, data, id: theirs }),
      );
      const expected = new Encoder().encode({ ...packet, data, id: ours });
      return withId(read, ours).every((part, n) =>
        Buffer.from(part).equals(Buffer.from(expected[n])),
      );
    }),
  );
});

t.test("M5 other parsers: bytes travel, acknowledgements are encoded again", async (t) => {
  const packet = { type: 2, nsp: "/", data: ["news", { a: Buffer.from([1]) }] };
  const encoded = new msgpack.Encoder().encode(packet as never);
  t.strictSame(travelled(packet, encoded).packet.parts, encoded);
  t.equal(toEncodedPacket({ ...packet, id: 1 }, encoded), undefined);
  t.equal(toEncodedPacket(packet, [{ own: "format" }]), undefined);
});

t.test("M5 a WebSocket frame is that of ws", async (t) => {
  for (const length of [1, 125, 126, 65_535, 65_536, 100_000]) {
    const data = Buffer.alloc(length, "x");
    const options = { readOnly: false, mask: false, rsv1: false, opcode: 1, fin: true };
    t.ok(Buffer.concat(webSocketFrame(data)).equals(Buffer.concat(Sender.frame(data, options))));
  }
});

t.test("C1 rooms of any kind, and flags, come through", async (t) => {
  const packet = { type: 2, nsp: "/", data: ["news"] };
  const rooms = ["é\u2028", 1, "1", undefined, null];
  const { opts, uid, nsp, requestId } = travelled(packet, new Encoder().encode(packet), rooms);
  t.strictSame(opts, { rooms, except: ["out"], flags: { compress: false } });
  t.strictSame([uid, nsp, requestId], ["u", "/x", "7"]);
});

t.test("C1 a decoder understands what has travelled", async (t) => {
  const packet = { type: 2, nsp: "/a", data: ["news", { b: Buffer.from([1, 2]) }] };
  const decoder = new Decoder();
  const decoded = new Promise((resolve) => decoder.on("decoded", resolve));
  const { packet: read } = travelled(packet, new Encoder().encode(packet));
  for (const part of read.parts) decoder.add(part);
  t.match(await decoded, { nsp: "/a", data: packet.data });
});

t.test("M4 whatever the bytes are, reading throws nothing but a FrameError", async () => {
  const packet = { type: 2, nsp: "/", data: ["news", Buffer.from([1])] };
  const taken = toEncodedPacket(packet, new Encoder().encode(packet));
  if (taken === undefined) throw new Error("It is not sent so");
  const opts = { rooms: [], except: [], flags: {} };
  const whole = broadcastFrame({ uid: "u", nsp: "/", opts, packet: taken, requestId: undefined });
  const message = messageFrame({ type: 3, uid: "u", nsp: "/" });
  const onlyFrameErrors = (read: () => unknown): boolean => {
    try {
      read();
      return true;
    } catch (error) {
      return error instanceof FrameError;
    }
  };
  const changes = fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(changes, fc.nat(200), fc.uint8Array(), (changed, length, noise) => {
      return [whole, message].every((frame) => {
        const bytes = Buffer.from(frame.subarray(FRAME_HEAD));
        for (const [at, value] of changed) bytes[at % bytes.length] = value;
        return [bytes, bytes.subarray(0, length), Buffer.from(noise)].every(
          (payload) =>
            onlyFrameErrors(() => readBroadcast(payload)) &&
            onlyFrameErrors(() => readMessage(payload)),
        );
      });
    }),
    { numRuns: 2_000 },
  );
});
