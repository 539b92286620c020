import fc from "fast-check";
import t from "tap";
import { frameOf, Kind } from "../../../../src/worker/mesh/frames.js";
import { CapturedTimers } from "../../../helpers/captured-timers.js";
import { MemoryPrimary, type MemoryWorker, until } from "../../../helpers/mesh.js";

t.test("M4 workers that start at once all know each other", async (t) => {
  for (const late of [0, 1, 5]) {
    const primary = new MemoryPrimary();
    const workers = await Promise.all(Array.from({ length: 5 }, () => primary.start(late)));
    for (const worker of workers) {
      worker.mesh.open({ uid: `adapter ${worker.id}`, nsp: "/" });
    }
    await Promise.all(workers.map((worker) => worker.mesh.ready()));
    for (const worker of workers) worker.say(`from ${worker.id}`);
    await until("all have all", () => workers.every(({ received }) => received.length === 4));
    for (const worker of workers) {
      const others = workers.filter((other) => other !== worker).map(({ id }) => id);
      t.strictSame(
        worker.received.sort(),
        others.map((id) => `from ${id}`),
      );
      t.strictSame(
        [...worker.adapters].sort(),
        others.map((id) => `adapter ${id}`),
      );
    }
  }
});

t.test("M4 who is gone is waited for by nobody", async (t) => {
  const primary = new MemoryPrimary();
  const [a, b, c] = [await primary.start(), await primary.start(), await primary.start()];
  b.mesh.open({ uid: "of b", nsp: "/" });
  await Promise.all([a, b, c].map(({ mesh }) => mesh.ready()));
  t.ok(a.adapters.has("of b"));
  for (const lane of Object.values(b.mesh.peers.get(a.id)?.lanes ?? {})) lane.detach();
  const told = a.mesh.told();
  primary.end(b);
  await told;
  t.notOk(a.adapters.has("of b"));
  t.strictSame([...a.mesh.peers.keys()], [c.id]);
});

t.test("M3 a message goes only to whom it concerns; a newcomer learns everything", async (t) => {
  const primary = new MemoryPrimary();
  const [a, b, c] = [await primary.start(), await primary.start(), await primary.start()];
  const rooms = Array.from({ length: 50_000 }, (_, n) => n * 7 + 100);
  b.mesh.own.join(rooms, "not wait");
  await b.mesh.told();
  a.say("to b", 107);
  a.say("to nobody", 5);
  a.say("to all");
  await until("it is there", () => c.received.length === 1 && b.received.length === 2);
  t.strictSame([b.received, c.received], [["to b", "to all"], ["to all"]]);

  const d = await primary.start();
  await d.mesh.ready();
  t.ok(rooms.every((room) => d.mesh.peers.get(b.id)?.has(room)));
  t.notOk(d.mesh.peers.get(b.id)?.has(5));
  t.notOk(d.mesh.peers.get(c.id)?.has(107));
  b.mesh.own.leave([107, 114]);
  b.mesh.own.join([114], "not wait");
  await b.mesh.told();
  t.notOk(d.mesh.peers.get(b.id)?.has(107));
  t.ok(d.mesh.peers.get(b.id)?.has(114), "who left and came back is there");
});

t.test("M3 rooms that change while a newcomer learns them are right in the end", async () => {
  const step = fc.record({ joins: fc.boolean(), room: fc.integer({ min: 1, max: 12 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat(60), async (steps, startAt) => {
      const primary = new MemoryPrimary();
      const a = await primary.start();
      const filler = Array.from({ length: 20_000 }, (_, n) => n + 1_000);
      a.mesh.own.join(filler, "not wait");
      const members = new Map<number, number>();
      let b: MemoryWorker | undefined;
      for (const [n, { joins, room }] of steps.entries()) {
        if (n === startAt % (steps.length || 1)) b = await primary.start(n % 3);
        const count = members.get(room) ?? 0;
        if (joins) {
          a.mesh.own.join([room], n % 2 === 0 ? "wait" : "not wait");
          members.set(room, count + 1);
        } else if (count > 0) {
          a.mesh.own.leave([room]);
          members.set(room, count - 1);
        }
        if (n % 7 === 0) await new Promise(setImmediate);
      }
      b ??= await primary.start();
      await b.mesh.ready();
      await a.mesh.told();
      const peer = b.mesh.peers.get(a.id);
      for (let room = 1; room <= 12; room++) {
        if ((peer?.has(room) ?? false) !== (members.get(room) ?? 0) > 0) return false;
      }
      return true;
    }),
    { numRuns: 60 },
  );
});

t.test("M1 connections that break lose nothing, repeat nothing, and keep the order", async () => {
  const step = fc.oneof(
    fc.record({ does: fc.constant("say" as const), who: fc.nat(), size: fc.nat(40_000) }),
    fc.record({ does: fc.constant("cut" as const), who: fc.nat(), size: fc.nat(3) }),
    fc.record({ does: fc.constant("listen" as const), who: fc.nat(), size: fc.nat(3) }),
    fc.record({ does: fc.constant("turn" as const), who: fc.nat(3), size: fc.nat() }),
  );
  // Connections overtake each other: some of both directions are under way at the same time.
  const late = fc.array(fc.nat(6), { minLength: 1, maxLength: 7 });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), late, async (steps, late) => {
      const primary = new MemoryPrimary();
      primary.net.late = late;
      const workers = await Promise.all([primary.start(1), primary.start(2), primary.start()]);
      const said = new Map<MemoryWorker, string[]>(workers.map((worker) => [worker, []]));
      const listening: Promise<void>[] = [];
      for (const [n, { does, who, size }] of steps.entries()) {
        if (does === "say") {
          const worker = workers[who % workers.length] as MemoryWorker;
          const text = `${worker.id}:${n}:${"x".repeat(size)}`;
          said.get(worker)?.push(text);
          worker.say(text);
        } else if (does === "cut") {
          primary.net.cut(who);
        } else if (does === "listen") {
          listening.push(primary.listenAgain(workers[who % workers.length] as MemoryWorker, size));
        } else {
          for (let turn = 0; turn < who; turn++) await new Promise(setImmediate);
        }
      }
      await Promise.all(listening);
      const total = [...said.values()].flat().length;
      const expected = (worker: MemoryWorker) => total - (said.get(worker)?.length ?? 0);
      await until("all has arrived", () =>
        workers.every(({ received, stuck }, n) => {
          if (stuck[0]) throw new Error(`${n} gives up ${stuck[0].id}, which ${stuck[0].why}`);
          return received.length >= expected(workers[n] as MemoryWorker);
        }),
      );
      return workers.every((worker) =>
        workers.every((from) => {
          const got = worker.received.filter((text) => text.startsWith(`${from.id}:`));
          const sent = worker === from ? [] : (said.get(from) ?? []);
          return got.length === sent.length && got.every((text, k) => text === sent[k]);
        }),
      );
    }),
    { numRuns: 60 },
  );
});

t.test("B2 who does not read is given up, and is missed by nobody", async (t) => {
  const primary = new MemoryPrimary();
  const a = await primary.start(0, 100_000);
  const b = await primary.start();
  b.mesh.open({ uid: "of b", nsp: "/" });
  await b.mesh.ready();
  await until("they know each other", () => a.adapters.size === 1);
  for (const ofB of primary.net.connections) ofB.pause();
  const told = a.mesh.told();
  for (let n = 0; n < 30; n++) a.say("x".repeat(10_000));
  await until("it is given up", () => a.stuck.length > 0);
  t.match(a.stuck, [{ id: b.id, why: /does not read the 0 MB that wait/ }]);
  t.equal(a.mesh.stats.queue, 0, "which is let go of");
  t.strictSame([...a.adapters], []);
  await told;
});

t.test("B2 who is only slow for a moment stays", async (t) => {
  const primary = new MemoryPrimary();
  const a = await primary.start(0, 100_000);
  const b = await primary.start();
  await b.mesh.ready();
  for (let n = 0; n < 35; n++) a.say("x".repeat(10_000));
  await until("all is there", () => b.received.length === 35);
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  t.strictSame(a.stuck, []);
});

t.test("M4 bytes that are no frames end the connection, and nothing else", async (t) => {
  const primary = new MemoryPrimary();
  const [a, b] = [await primary.start(), await primary.start()];
  await b.mesh.ready();
  const wire = primary.net.wire();
  for (const bytes of [
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.alloc(100),
    frameOf(Kind.GREETING, Buffer.from("{}")),
    frameOf(Kind.GREETING, Buffer.from("not JSON")),
    frameOf(
      Kind.GREETING,
      Buffer.from(
        JSON.stringify({ version: 1, key: "other", from: 9, to: 1, lane: "news", read: 0 }),
      ),
    ),
  ]) {
    const stranger = wire.dial("address 1");
    stranger.on("error", () => {}).resume();
    const closed = new Promise((resolve) => stranger.once("close", resolve));
    stranger.write(bytes);
    await closed;
  }
  a.say("still here");
  await until("it is there", () => b.received.length === 1);
  t.strictSame([a.stuck, b.stuck], [[], []]);

  // A member that sends what cannot be read cannot stay.
  b.mesh.peers.get(a.id)?.lanes.data.send(Buffer.alloc(64));
  await until("it is given up", () => a.stuck.length === 1);
  t.match(a.stuck, [{ id: b.id, why: /cannot be read/ }]);
});

t.test("a connection that does not say whose it is does not stay", async (t) => {
  const primary = new MemoryPrimary();
  await primary.start();
  const timers = new CapturedTimers(t);
  const wire = primary.net.wire();
  const silent = wire.dial("address 1");
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  while (!timers.delays.includes(10_000)) await turn();
  t.notOk(silent.destroyed);
  timers.fire(10_000);
  while (!silent.destroyed) await turn();
});
