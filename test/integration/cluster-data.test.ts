import t from "tap";
import { runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { trio } from "../helpers/trio.js";

const cluster = await startCluster(t);

t.test("C1 fetchSockets keeps binary and nested values in data", async (t) => {
  const [a, b, c] = await trio(t, cluster);
  await runIn(
    b,
    `socket.data.values = {
      buffer: Buffer.from([1, 2, 3]),
      list: [{ deep: Buffer.alloc(1000, 7) }, null, "é"],
      bytes: new Uint8Array([4, 5]),
      date: new Date(86_400_000),
      map: new Map([["key", { value: 1n }]]),
      set: new Set([1, 2]),
    };`,
  );
  const code = `
    const [{ data: { values } }] = await io.in(args[0]).fetchSockets();
    return {
      buffer: [Buffer.isBuffer(values.buffer), values.buffer],
      list: values.list,
      bytes: [values.bytes instanceof Uint8Array, values.bytes],
      date: values.date instanceof Date && values.date.getTime(),
      map: values.map.get("key").value === 1n,
      set: [...values.set],
    };`;
  for (const where of [a, b, c]) {
    t.strictSame(await runIn(where, code, b.id), {
      buffer: [true, Buffer.from([1, 2, 3])],
      list: [{ deep: Buffer.alloc(1000, 7) }, null, "é"],
      bytes: [true, Buffer.from([4, 5])],
      date: 86_400_000,
      map: true,
      set: [1, 2],
    });
  }
});

t.test("C1 functions in data are left out", async (t) => {
  const [a, b, c] = await trio(t, cluster);
  await runIn(
    b,
    `class Account { constructor() { this.credit = 5; this.charge = () => {}; } refund() {} }
    Object.assign(socket.data, {
      kept: { buffer: Buffer.from([9]), date: new Date(1) },
      onLogout: () => {},
      symbol: Symbol("a"),
      list: [1, () => {}, 2],
      account: new Account(),
      json: { secret: () => {}, toJSON: () => ({ shown: true }) },
      map: new Map([["f", () => {}], ["n", 1]]),
      timer: setTimeout(() => {}, 1),
      promise: Promise.resolve(),
      weak: new WeakMap(),
    });
    socket.data.circle = { data: socket.data };`,
  );
  const code = `
    const [{ data }] = await io.in(args[0]).fetchSockets();
    return {
      kept: [Buffer.isBuffer(data.kept.buffer), data.kept.buffer, data.kept.date instanceof Date],
      left: [data.onLogout, data.symbol, data.account.charge, data.map.get("f")].map((v) => typeof v),
      list: data.list,
      credit: data.account.credit,
      json: data.json,
      n: data.map.get("n"),
      circle: data.circle.data === data,
    };`;
  for (const where of [a, c]) {
    t.strictSame(await runIn(where, code, b.id), {
      kept: [true, Buffer.from([9]), true],
      left: ["undefined", "undefined", "undefined", "undefined"],
      list: [1, null, 2],
      credit: 5,
      json: { shown: true },
      n: 1,
      circle: true,
    });
  }
  t.equal(await runIn(b, "return typeof socket.data.onLogout"), "function", "they stay in place");
});

for (const [what, value] of Object.entries({
  "a getter that throws": `{ get value() { throw new Error("not now"); } }`,
  "an endless toJSON()": "{ f() {}, toJSON() { return this; } }",
  "an error caused by a function": `new Error("x", { cause: { f() {} } })`,
  "shared memory": "new SharedArrayBuffer(8)",
  "a very deep object":
    "(() => { let top = {}; for (let i = 0; i < 20_000; i++) top = { top }; return top; })()",
})) {
  t.test(`C1 data with ${what} harms nobody`, async (t) => {
    const [a, b, c] = await trio(t, cluster);
    const ids = [a, b, c].map(({ id }) => id).sort();
    const pids = await cluster.pids();
    await runIn(b, `socket.data = { value: ${value} };`);
    for (const where of [a, c]) {
      const found = "return (await io.fetchSockets()).map(({ id }) => id).sort()";
      t.strictSame(await runIn(where, found), ids, "the client is found");
    }
    t.strictSame(await cluster.pids(), pids, "its worker lives");
  });
}
