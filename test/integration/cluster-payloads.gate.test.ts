import type { Socket } from "socket.io-client";
import t from "tap";
import { clientPerWorker, runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { heardOf, next } from "../helpers/heard.js";
import { until } from "../helpers/loopback.js";
import { summary } from "../helpers/summary.js";

const cluster = await startCluster(t);
const clients = await clientPerWorker(t, cluster.port, 3);
const [a, b, c] = clients as [Socket, Socket, Socket];

t.test("C1 binary payloads", async (t) => {
  const polling = await clientPerWorker(t, cluster.port, 3, "polling");
  const everybody = [...clients, ...polling];
  for (const client of everybody) {
    client.on("ask", (...args) => args.pop()(Buffer.from([9])));
    await runIn(client, `socket.join("room")`);
  }
  const large = Buffer.alloc(300_000, "socket");
  for (const payload of [
    Buffer.from([0, 1, 255]),
    Buffer.alloc(0),
    { nested: [{ deep: Buffer.from([1]) }, Buffer.from([2]), null], text: "é" },
    large,
    { twice: [large, large] },
  ]) {
    for (const where of clients) {
      for (const operator of ["io", `io.to("room")`]) {
        const got = await heardOf(everybody, where, `${operator}.emit("news", args[0])`, payload);
        t.strictSame(summary(got), summary(new Array(6).fill([["news", payload]])), operator);
      }
      const answers = await runIn<Buffer[]>(
        where,
        `return io.timeout(9_000).emitWithAck("ask", args[0])`,
        payload,
      );
      t.strictSame(answers, new Array(6).fill(Buffer.from([9])), "with acknowledgements");
    }
  }
});

t.test("C1 typed arrays, made of parts of larger ones", async (t) => {
  const code = `
    const pool = Buffer.from("0123456789");
    io.emit("news", pool.subarray(2, 5), new Uint8Array(pool.buffer, pool.byteOffset + 5, 2),
      new Uint8Array([7, 8]).buffer);`;
  const event = ["news", Buffer.from("234"), Buffer.from("56"), Buffer.from([7, 8])];
  t.strictSame(await heardOf(clients, a, code), [[event], [event], [event]]);
});

t.test("C1 a payload is the same for clients of all workers", async (t) => {
  // To the clients of the sender's worker it goes as JSON; to the other workers it is cloned first.
  const payloads = {
    "plain values": `{ zero: 0, no: false, nothing: null, text: "é\\u2028", list: [], nan: NaN }`,
    undefined: `{ gone: undefined, list: [undefined] }`,
    "a date": "new Date(0)",
    "a class instance": `new (class Point { x = 1; get y() { return 2; } })()`,
    "a function": `{ left() {}, list: [() => {}], symbol: Symbol("s"), kept: 1 }`,
    "an object with toJSON": `new (class Price { cents = 5; toJSON() { return "0.05"; } })()`,
    "nested toJSON": `{ id: { bytes: [1], toJSON: () => "id" }, url: new URL("http://x/") }`,
    "a map and a set": "[new Map([[1, 2]]), new Set([1])]",
    "an error": `Object.assign(new RangeError("oops"), { code: "E_OOPS" })`,
    "a regular expression": "/x/",
    "a boxed value": `[new String("x"), new Number(1)]`,
    "an object without prototype": "Object.assign(Object.create(null), { x: 1 })",
  };
  for (const [what, payload] of Object.entries(payloads)) {
    for (const [way, emit] of Object.entries({
      emit: `io.emit("news", ${payload})`,
      "emit with acknowledgements": `io.timeout(50).emit("news", ${payload}, () => {})`,
    })) {
      const got = (await heardOf(clients, b, emit)).map((events) => JSON.stringify(events));
      t.strictSame(got, [got[1], got[1], got[1]], `${what}: ${way}`);
      t.match(got[1], `[["news",`);
    }
  }
});

// The last test, since the sender's worker may not survive its mistake.
t.test("C1 a payload that cannot be encoded does no harm to other workers", async (t) => {
  const others = [a, c];
  const pids = await Promise.all(others.map((client) => client.emitWithAck("pid")));
  const after = Promise.all(others.map((client) => next(client, "after")));
  const mistakes = `
    const circle = {};
    circle.circle = circle;
    for (const payload of [1n, circle]) {
      try { io.emit("news", payload); } catch {}
    }
    io.emit("after");`;
  runIn(b, mistakes).catch(() => {});
  await after;
  t.strictSame(await Promise.all(others.map((client) => client.emitWithAck("pid"))), pids);
});

t.test("C1 over IPC connectionStateRecovery changes no event, and has no effect", async (t) => {
  const recovering = await startCluster(t, {
    env: {
      ADAPTER: "ipc",
      IO_OPTIONS: JSON.stringify({ connectionStateRecovery: {} }),
    },
  });
  const own = await clientPerWorker(t, recovering.port, 3);
  const heard = own.map(
    (client) => new Promise((resolve) => client.once("news", (...args) => resolve(args))),
  );
  await runIn(own[0] as Socket, 'io.emit("news", 1)');
  t.strictSame(await Promise.all(heard), [[1], [1], [1]]);
  await until("it is said", () => /connectionStateRecovery has no effect/.test(recovering.output));
});
