import { spawn } from "node:child_process";
import { deserialize, serialize } from "node:v8";
import t, { type Test } from "tap";
import { toCloneable, toPayload } from "../../../../src/worker/transport/cloneable.js";

const fn = (): void => {};

/** The copy after a journey over IPC, in both of the ways there are to clone. */
function travel(t: Test, value: unknown): unknown {
  const copy = toCloneable(value);
  structuredClone(copy); // throws if it cannot
  const arrived = deserialize(serialize(copy));
  t.pass("it can be cloned");
  return arrived;
}

class Point {
  #secret = 1;
  x: number;
  handler = fn;
  constructor(x: number) {
    this.x = x;
  }
  get double(): number {
    return this.x * 2 * this.#secret;
  }
  move(): void {}
}

/** What `run` throws. */
function failure(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

t.test("an IPC channel refuses functions, and takes the copy", async (t) => {
  const child = spawn(process.execPath, ["-e", "process.on('disconnect', () => process.exit())"], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    serialization: "advanced",
  });
  t.teardown(() => child.kill());
  for (const value of [{ f: fn }, { deep: [Symbol("x")] }]) {
    const error = failure(() => child.send(value));
    t.match(error, { message: /could not be cloned/ });
    t.doesNotThrow(() => child.send(toCloneable(value) as object), "and the copy passes");
  }
  child.disconnect();
});

t.test("functions and symbols go, as JSON.stringify does it", async (t) => {
  const value = { a: 1, f: fn, s: Symbol("s"), c: class {}, g: function* () {}, deep: { f: fn } };
  t.strictSame(travel(t, value), { a: 1, deep: {} });
  t.strictSame(travel(t, [1, fn, Symbol("s"), 2]), [1, null, null, 2]);
  t.equal(travel(t, fn), undefined);
  t.equal(travel(t, Symbol("s")), undefined);
  t.strictSame(travel(t, { [Symbol("key")]: 1, b: 2 }), { b: 2 });
});

t.test("primitives stay, also those that JSON does not have", async (t) => {
  for (const value of ["", "text", 0, -1.5, true, false, null, undefined, 10n]) {
    t.equal(travel(t, value), value);
  }
  t.ok(Number.isNaN(travel(t, Number.NaN)));
  t.strictSame(travel(t, { u: undefined, n: null, b: 1n, f: fn }), {
    u: undefined,
    n: null,
    b: 1n,
  });
});

t.test("bytes stay bytes", async (t) => {
  const bytes = Buffer.from([0, 255, 128]);
  const value = { f: fn, bytes, view: new Uint16Array([1, 65_535]), raw: new ArrayBuffer(4) };
  const copy = toCloneable(value) as typeof value;
  t.equal(copy.bytes, bytes, "not copied here; the clone does that");
  const arrived = travel(t, value) as typeof value;
  t.ok(bytes.equals(arrived.bytes));
  t.strictSame(arrived.view, value.view);
  t.equal(arrived.raw.byteLength, 4);
  const part = travel(t, { f: fn, part: bytes.subarray(1, 2) }) as { part: Uint8Array };
  t.strictSame([...part.part], [255], "a part of a buffer is that part");
});

t.test("dates, expressions and errors stay what they are", async (t) => {
  const value = { f: fn, date: new Date(7), pattern: /x+/gi, error: new RangeError("far") };
  const arrived = travel(t, value) as typeof value;
  t.ok(arrived.date instanceof Date && arrived.date.getTime() === 7);
  t.equal(String(arrived.pattern), "/x+/gi");
  t.ok(arrived.error instanceof RangeError && arrived.error.message === "far");
});

t.test("maps and sets stay, with what can be cloned of their contents", async (t) => {
  const value = {
    map: new Map<unknown, unknown>([
      ["a", { f: fn, x: 1 }],
      [{ key: fn }, new Set([1])],
    ]),
    set: new Set<unknown>([1, { f: fn, y: 2 }]),
  };
  const arrived = travel(t, value) as typeof value;
  t.ok(arrived.map instanceof Map && arrived.set instanceof Set);
  t.strictSame(
    [...arrived.map.entries()],
    [
      ["a", { x: 1 }],
      [{}, new Set([1])],
    ],
  );
  t.strictSame([...arrived.set], [1, { y: 2 }]);
});

t.test("instances of classes become plain objects of what they own", async (t) => {
  t.strictSame(travel(t, { point: new Point(3) }), { point: { x: 3 } });
  t.strictSame(travel(t, Object.assign(Object.create({ inherited: 1 }), { own: 2, f: fn })), {
    own: 2,
  });
  t.strictSame(travel(t, Object.assign(Object.create(null), { own: 2, f: fn })), { own: 2 });
  const hidden = Object.defineProperty({ f: fn }, "hidden", { value: 1, enumerable: false });
  t.strictSame(travel(t, hidden), {});
  t.strictSame(
    travel(t, {
      f: fn,
      get got() {
        return 5;
      },
    }),
    { got: 5 },
    "getters are read",
  );
});

t.test("toJSON() is honoured, at every depth", async (t) => {
  const user = { password: "x", toJSON: () => ({ name: "ada", f: fn, at: new Date(1) }) };
  const plain = { name: "ada", at: new Date(1) };
  t.strictSame(travel(t, user), plain);
  t.strictSame(travel(t, { list: [user], map: new Map([["u", user]]) }), {
    list: [plain],
    map: new Map([["u", plain]]),
  });
  t.equal(travel(t, { toJSON: () => "text" }), "text");
  t.equal(travel(t, { toJSON: () => fn }), undefined);
  t.strictSame(travel(t, { url: new URL("http://host/x") }), { url: "http://host/x" });
  t.strictSame(travel(t, { toJSON: "no function", f: fn }), { toJSON: "no function" });
});

t.test("cycles and shared objects keep their shape", async (t) => {
  const shared = { f: fn, n: 1 };
  const value: Record<string, unknown> = { f: fn, one: shared, two: shared };
  value.self = value;
  value.list = [value, shared];
  value.map = new Map([["self", value]]);
  value.set = new Set([value]);
  const arrived = travel(t, value) as Record<string, unknown>;
  t.equal(arrived.self, arrived);
  t.equal(arrived.one, arrived.two);
  t.equal((arrived.list as unknown[])[0], arrived);
  t.equal((arrived.list as unknown[])[1], arrived.one);
  t.equal((arrived.map as Map<string, unknown>).get("self"), arrived);
  t.ok((arrived.set as Set<unknown>).has(arrived));
  const list: unknown[] = [fn];
  list.push(list);
  const arrivedList = travel(t, list) as unknown[];
  t.equal(arrivedList[1], arrivedList);
});

t.test("what has no contents to copy goes", async (t) => {
  const value = {
    promise: Promise.resolve(1),
    weak: new WeakMap(),
    kept: 1,
  };
  t.strictSame(travel(t, value), { kept: 1 });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  t.strictSame(travel(t, [proxy]), [null]);
  const others = [new WeakSet(), new WeakRef({}), new Blob(["x"]), new MessageChannel().port1];
  for (const other of others) t.strictSame(travel(t, { other, kept: 1 }), { other: {}, kept: 1 });
});

t.test("the original is left alone", async (t) => {
  const value = { f: fn, deep: { f: fn, list: [fn] }, map: new Map([["f", fn]]) };
  toCloneable(value);
  t.equal(value.f, fn);
  t.equal(value.deep.list[0], fn);
  t.equal(value.map.get("f"), fn);
});

t.test("the result of toJSON() is not asked for its own toJSON(), as in JSON", async (t) => {
  const self = { a: 1, toJSON: () => self };
  const spread = {
    a: 1,
    toJSON() {
      return { ...this };
    },
  };
  for (const value of [self, spread]) {
    t.equal(JSON.stringify(value), '{"a":1}');
    t.doesNotThrow(() => t.strictSame(travel(t, value), { a: 1 }));
  }
});

t.test("objects around a number, a text or a truth value are that value", async (t) => {
  const value = { f: fn, n: new Number(5), s: new String("x"), b: new Boolean(false) };
  t.equal(JSON.stringify(value), '{"n":5,"s":"x","b":false}');
  const { n, s, b } = toCloneable(value) as typeof value;
  t.strictSame([n?.valueOf(), s?.valueOf(), b?.valueOf()], [5, "x", false]);
});

t.test("an error whose cause cannot be cloned", async (t) => {
  const value = { error: new Error("x", { cause: fn }) };
  t.doesNotThrow(() => serialize(toCloneable(value)));
});

t.test("memory that is shared between threads does not cross processes", async (t) => {
  t.doesNotThrow(() => serialize(toCloneable({ shared: new SharedArrayBuffer(8) })));
});

t.test("what toJSON() gives keeps its kind, and cycles through it end", async (t) => {
  const bytes = Buffer.from([1, 255]);
  const arrived = travel(t, { toJSON: () => bytes });
  t.ok(arrived instanceof Uint8Array && bytes.equals(arrived));
  t.strictSame(travel(t, { toJSON: () => new Date(7) }), new Date(7));
  const shared: Record<string, unknown> = { n: 1 };
  shared.back = { toJSON: () => shared };
  t.doesNotThrow(() => travel(t, shared.back));
});

t.test("a payload is what JSON would make of it, with its binary data", async (t) => {
  class Price {
    cents = 5;
    toJSON() {
      return "0.05";
    }
  }
  const bytes = Buffer.from([1, 2]);
  const error = Object.assign(new RangeError("oops"), { code: "E_OOPS" });
  const value = [new Price(), { price: new Price(), fn }, error, new Map([[1, 2]]), /x/, bytes];
  const payload = toPayload(value) as unknown[];
  t.equal(JSON.stringify(payload.slice(0, 5)), JSON.stringify(value.slice(0, 5)));
  t.equal(payload[5], bytes);
});

t.test("what throws when it is read is left out, and depth has an end", async (t) => {
  const throwing = {
    get bad() {
      throw new Error("not now");
    },
    good: 1,
  };
  t.strictSame(toCloneable(throwing), { bad: undefined, good: 1 });
  let deep: object = {};
  for (let n = 0; n < 20_000; n++) deep = { deep };
  serialize(toCloneable(deep));
  t.pass("a very deep object is cut");
});

t.test("a proxy travels as what it stands for", async (t) => {
  const proxied = (value: object): object =>
    new Proxy(value, {
      get: (target, key) => {
        const item = Reflect.get(target, key);
        return typeof item === "object" && item !== null ? proxied(item) : item;
      },
    });
  const data = { a: 1, list: [1, { two: 2 }], when: "now" };
  t.strictSame(travel(t, proxied(data)), data);
  t.strictSame(travel(t, [new Proxy([1, 2], {})]), [[1, 2]]);
  const cycle: Record<string, unknown> = { a: 1 };
  const proxy = new Proxy(cycle, {});
  Object.assign(cycle, { self: proxy, again: proxy });
  const copy = toCloneable(proxy) as typeof cycle;
  t.equal(copy.self, copy);
  t.equal(copy.again, copy);
  const traps = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error("no keys");
      },
    },
  );
  t.strictSame(travel(t, { traps, kept: 1 }), { kept: 1 });
});
