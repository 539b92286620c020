import { isDeepStrictEqual } from "node:util";
import { serialize } from "node:v8";
import fc from "fast-check";
import t from "tap";
import { FRAME_HEAD, FrameError } from "../../../../src/worker/mesh/frames.js";
import { isPlain } from "../../../../src/worker/transport/plain.js";
import { readSockets, socketsFrame } from "../../../../src/worker/transport/sockets-frame.js";

const handshake = () => ({
  headers: { host: "x" },
  time: "now",
  address: "::1",
  xdomain: false,
  secure: true,
  issued: 5,
  url: "/?a=1",
  query: { a: "1" },
  auth: { token: "secret" } as object,
});

function travelled(sockets: { id: string; handshake: object; rooms: unknown[]; data: unknown }[]) {
  const found = { uid: "u", nsp: "/", requesterUid: "r", requestId: "7", sockets };
  return readSockets(socketsFrame(found).subarray(FRAME_HEAD));
}

const anything = fc.anything({ withDate: true, withMap: true, withBigInt: true, withSet: true });

t.test("C1 data and rooms come out as they were", async () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(anything, fc.jsonValue()), { maxLength: 5 }), (all) => {
      const sockets = all.map((data, n) => {
        const rooms = [[`id ${n}`], [`id ${n}`, "a"], [1, "1", undefined], []][n % 4] ?? [];
        return { id: `id ${n}`, handshake: handshake(), rooms, data };
      });
      return travelled(sockets).sockets.every(({ id, rooms, data }, n) => {
        const expected = structuredClone({ rooms: sockets[n]?.rooms, data: sockets[n]?.data });
        // Two dates that are none are not equal; what they serialize to is.
        const isSame =
          isDeepStrictEqual({ rooms, data }, expected) ||
          serialize({ rooms, data }).equals(serialize(expected));
        return id === `id ${n}` && isSame;
      });
    }),
  );
});

t.test("C1 what JSON changes is not plain", async (t) => {
  for (const value of [1, "a", null, true, [], {}, { a: [1, { b: null }] }]) t.ok(isPlain(value));
  const cycle: Record<string, unknown> = {};
  cycle.cycle = cycle;
  const holes = new Array(2);
  for (const value of [
    undefined,
    Number.NaN,
    -0,
    1n,
    Symbol("a"),
    () => {},
    new Date(),
    Buffer.alloc(1),
    { a: undefined },
    [undefined],
    holes,
    new Map(),
    cycle,
    new (class A {})(),
    Object.create(null),
    { toJSON: 1 },
    JSON.parse('{"__proto__":1}'),
    {
      get a() {
        throw new Error("not now");
      },
    },
  ]) {
    t.notOk(isPlain(value), typeof value);
  }
});

t.test("C1 handshakes come out as they were, also those that JSON cannot carry", async (t) => {
  const bare = Object.assign(Object.create(null), { a: "1" }); // as Node's parser makes queries
  const given = [
    handshake(),
    { ...handshake(), auth: { at: new Date(5) } },
    { ...handshake(), query: bare },
    { ...handshake(), auth: { key: Buffer.from("a") }, more: undefined },
  ];
  const sockets = given.map((one, n) => ({
    id: `${n}`,
    handshake: one,
    rooms: [`${n}`],
    data: {},
  }));
  for (const _ of ["encoded", "known"]) {
    const [first, second, third, fourth] = travelled(sockets).sockets.map((one) => one.handshake);
    t.strictSame(first, handshake());
    t.strictSame(structuredClone(first), handshake());
    t.strictSame(second, given[1]);
    t.strictSame(third, handshake(), "with a query that has a prototype");
    t.match(fourth, { auth: { key: Buffer.from("a") } });
    t.ok("more" in (fourth ?? {}));
  }
});

t.test("C1 a handshake that the application has changed is the changed one", async (t) => {
  const own: ReturnType<typeof handshake> & { user?: string } = handshake();
  const seen = () => {
    const [socket] = travelled([{ id: "a", handshake: own, rooms: [], data: {} }]).sockets;
    return { ...socket?.handshake };
  };
  t.strictSame(seen(), handshake());
  own.auth = { token: "another" };
  t.match(seen(), { auth: { token: "another" } });
  Object.assign(own.auth, { name: "Ada" });
  t.match(seen(), { auth: { name: "Ada" } });
  own.user = "Ada";
  Object.assign(own, { sessionStore: { secret: 1 }, left() {} });
  t.strictSame(seen(), { ...handshake(), auth: { token: "another", name: "Ada" }, user: "Ada" });
});

t.test("M4 whatever the bytes are, reading throws nothing but a FrameError", async () => {
  const found = { uid: "u", nsp: "/", requesterUid: "r", requestId: "7" };
  const sockets = [{ id: "a", handshake: handshake(), rooms: ["a", 1], data: new Map() }];
  const whole = socketsFrame({ ...found, sockets }).subarray(FRAME_HEAD);
  const changes = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(changes, fc.nat(400), (changed, length) => {
      const bytes = Buffer.from(whole.subarray(0, length));
      for (const [at, value] of changed) if (at < bytes.length) bytes[at] = value;
      try {
        readSockets(bytes);
        return true;
      } catch (error) {
        return error instanceof FrameError;
      }
    }),
    { numRuns: 2_000 },
  );
});
