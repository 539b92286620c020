import { duplexPair } from "node:stream";
import t, { type Test } from "tap";
import { FRAME_HEAD, Kind, newFrame } from "../../../../src/worker/mesh/frames.js";
import { Lane } from "../../../../src/worker/mesh/lane.js";
import type { Peer } from "../../../../src/worker/mesh/peer.js";
import { QueueGuard } from "../../../../src/worker/mesh/queue-guard.js";
import { MemoryPrimary, until } from "../../../helpers/mesh.js";

const MIB = 1024 * 1024;

/** Neither connections in memory nor the mesh's own timers keep a process running. */
function keepRunning(t: Test): void {
  const running = setInterval(() => {}, 1_000);
  t.teardown(() => clearInterval(running));
}

/** A guard with a bound of 100 bytes, and a worker that a test describes from look to look. */
async function looks(count: number, describe: (look: number) => { waiting: number; read: number }) {
  const given: string[] = [];
  const guard = new QueueGuard(100, (_, why) => given.push(why), 1);
  const peer = { isClosed: false, waiting: 0, progress: 0 };
  const turns = { count: 0 };
  Object.defineProperty(peer, "progress", { get: () => describe(turns.count++).read });
  Object.defineProperty(peer, "waiting", { get: () => describe(turns.count).waiting });
  guard.check(peer as unknown as Peer);
  await until("all looks are over", () => turns.count > count || given.length > 0);
  peer.isClosed = true;
  return { given, turns: turns.count };
}

t.test("B2 who reads nothing beyond the bound is given up, but not at once", async (t) => {
  keepRunning(t);
  const { given, turns } = await looks(100, () => ({ waiting: 150 * MIB, read: 0 }));
  t.match(given, [/does not read the 150 MB/]);
  t.ok(turns > 2 && turns < 8, `after ${turns} looks`);
});

t.test("B2 news that leave for a worker that stands still are no progress of it", async (t) => {
  keepRunning(t);
  const primary = new MemoryPrimary();
  const a = await primary.start(0, 10_000);
  const b = await primary.start();
  await b.mesh.ready();
  for (const ofB of primary.net.connections) ofB.pause();
  for (let n = 0; n < 20; n++) a.say("x".repeat(10_000));
  let room = 0;
  const joins = setInterval(() => a.mesh.own.join([++room], "not wait"), 20);
  t.teardown(() => clearInterval(joins));
  await until("b is given up", () => a.stuck.length > 0);
  t.match(a.stuck, [{ why: /does not read/ }]);
  t.ok(room > 5, "while there was news");
});

t.test("B2 those who wait for a worker that stands still count, too", async (t) => {
  keepRunning(t);
  const primary = new MemoryPrimary();
  const a = await primary.start(0, 10_000);
  const b = await primary.start();
  await b.mesh.ready();
  for (const ofB of primary.net.connections) ofB.pause();
  const first = a.mesh.told();
  t.ok(a.mesh.stats.queue < 10_000, "one alone is nothing");
  const told = Promise.all(Array.from({ length: 100 }, () => a.mesh.told()));
  await until("b is given up", () => a.stuck.length > 0);
  t.match(a.stuck, [{ id: b.id, why: /does not read/ }]);
  await Promise.all([first, told]); // and nobody waits any more
});

t.test("B2 within the bound nobody is watched", async (t) => {
  const guard = new QueueGuard(100, () => t.fail("given up"), 1);
  const peer = { isClosed: false, waiting: 100, progress: 0 };
  Object.defineProperty(peer, "progress", { get: () => t.fail("looked at") });
  guard.check(peer as unknown as Peer);
});

t.test("B2 who reads stays, however much waits, as long as it gets less", async (t) => {
  keepRunning(t);
  const { given } = await looks(300, (look) => ({ waiting: 1_000_000 - look, read: look }));
  t.strictSame(given, []);
});

t.test("B2 who reads more slowly than others write is given up in the end", async (t) => {
  keepRunning(t);
  const { given, turns } = await looks(300, (look) => ({ waiting: 110 + look, read: look }));
  t.match(given, [/reads more slowly than others write/]);
  t.ok(turns > 8 && turns < 30, `after ${turns} looks`);
  // What one turn has produced is there at the first look.
  const burst = await looks(300, (look) => ({
    waiting: look === 0 ? 110 : 1_000_000 - look,
    read: look,
  }));
  t.strictSame(burst.given, []);
});

t.test("B2 a healthy worker gets all that one turn produces, far beyond the bound", async (t) => {
  keepRunning(t);
  const primary = new MemoryPrimary();
  const a = await primary.start(0, 10_000);
  const b = await primary.start();
  await b.mesh.ready();
  for (let n = 0; n < 500; n++) a.say("x".repeat(10_000));
  await until("all is there", () => b.received.length === 500 || a.stuck.length > 0);
  t.strictSame(a.stuck, []);
  t.equal(b.received.length, 500);
});

t.test("B2 parts of a long frame are told of, so they are progress", async (t) => {
  keepRunning(t);
  const told: number[] = [];
  const lane = new Lane({
    onFrame: () => t.fail("no frame is complete"),
    onRead: () => {},
    onAckDue: (offset) => told.push(offset),
    onBreak: () => t.fail("it does not break"),
  });
  const [near, far] = duplexPair();
  lane.attach(near, 0, Buffer.alloc(0));
  const frame = newFrame(Kind.MESSAGE, 2_000_000).fill(0, FRAME_HEAD);
  for (let at = 0; at < 1_000_000; at += 10_000) far.write(frame.subarray(at, at + 10_000));
  await until("it has come", () => lane.received === 1_000_000);
  t.strictSame(told, [0, 0, 0], "every 256 KiB, and nothing is read of it yet");
  t.equal(lane.acks, 0);
  lane.heardAck(0);
  t.equal(lane.acks, 1);
  lane.close();
});

t.test("B2 time in which this process is busy itself does not count", async (t) => {
  keepRunning(t);
  const primary = new MemoryPrimary();
  const a = await primary.start(0, 10_000);
  const b = await primary.start();
  await b.mesh.ready();
  for (const ofB of primary.net.connections) ofB.pause();
  for (let n = 0; n < 20; n++) a.say("x".repeat(10_000));
  await until("it waits", () => a.mesh.stats.queue > 100_000);
  const end = performance.now() + 1_100;
  while (performance.now() < end);
  for (const ofB of primary.net.connections) ofB.resume();
  await until("all is there", () => b.received.length === 20 || a.stuck.length > 0);
  t.strictSame(a.stuck, []);
});

t.test("M4 one that cannot be reached connects to those who come later", async (t) => {
  keepRunning(t);
  const primary = new MemoryPrimary();
  const a = await primary.start(0, undefined, "deaf");
  const b = await primary.start();
  const c = await primary.start(0, undefined, "deaf");
  await Promise.all([a, b, c].map(({ mesh }) => mesh.ready()));
  b.say("from b");
  a.say("from a");
  await until("it is there", () => a.received.length === 1 && b.received.length === 1);
  await until("c as well", () => c.received.length === 1);
  t.strictSame([a.received, b.received.sort(), c.received], [["from b"], ["from a"], ["from b"]]);
});

t.test(
  "M4 ready within 1.5 s beside a worker that is stopped, which hears all later",
  async (t) => {
    keepRunning(t);
    const primary = new MemoryPrimary();
    const a = await primary.start();
    const b = await primary.start();
    await b.mesh.ready();
    const resume = primary.stop(a);
    const start = performance.now();
    const c = await primary.start();
    await c.mesh.ready();
    t.ok(c.mesh.peers.get(b.id)?.isKnown, "the one that lives is known");
    t.notOk(c.mesh.peers.get(a.id)?.isKnown);
    t.ok(performance.now() - start < 4_000, "and nobody waits long for the other");
    c.say("from c");
    await until("b has it", () => b.received.length === 1);
    resume();
    await until("a has it", () => a.received.length === 1);
    await c.mesh.told();
    t.ok(a.mesh.peers.get(c.id)?.isKnown);
  },
);

t.test("M4 one that is slow to tell a million rooms is waited for", async (t) => {
  keepRunning(t);
  const primary = new MemoryPrimary();
  const a = await primary.start();
  a.mesh.own.join(
    Array.from({ length: 300_000 }, (_, n) => n + 1),
    "not wait",
  );
  const b = await primary.start();
  const slow = setInterval(() => {
    for (const ofB of primary.net.connections) {
      ofB.pause();
      setTimeout(() => ofB.resume(), 300);
    }
  }, 310);
  t.teardown(() => clearInterval(slow));
  await b.mesh.ready();
  t.ok(b.mesh.peers.get(a.id)?.isKnown);
});
