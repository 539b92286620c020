import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import t, { type Test } from "tap";
import { HANDOFF_PATIENCE, MAX_WAITING_HANDOFFS } from "../../../../src/limits.js";
import { AcknowledgedLine } from "../../../../src/primary/routing/acknowledged-line.js";
import type { Handoff } from "../../../../src/primary/routing/handoff.js";
import { HandoffChannel } from "../../../../src/primary/routing/handoff-channel.js";
import type { WorkerHandle } from "../../../../src/primary/workers/worker-handle.js";
import { CapturedTimers } from "../../../helpers/captured-timers.js";

class FakeSocket extends EventEmitter {
  destroyed = false;
  written = "";
  server = undefined;

  destroy(): this {
    this.destroyed = true;
    return this;
  }

  resume(): this {
    return this;
  }

  end(text = ""): this {
    this.written += text;
    return this.destroy();
  }

  get asSocket(): Socket {
    return this as unknown as Socket;
  }
}

function setUp(t: Test) {
  const timers = new CapturedTimers(t);
  const process = new EventEmitter();
  const sent: Socket[] = [];
  const worker = {
    process,
    send: (_message: object, socket: Socket) => {
      sent.push(socket);
      return true;
    },
  };
  const waiting = { count: 0, bytes: 0 };
  const countHandoffs = (count: number, bytes: number) => {
    waiting.count += count;
    waiting.bytes += bytes;
  };
  const took: number[] = [];
  const tookHandoffs = (count: number) => void took.push(count);
  const own = { worker, handoffs: waiting, countHandoffs, tookHandoffs, terms: { maxQueue: 1e6 } };
  const handle = own as unknown as WorkerHandle;
  const gone: Handoff[] = [];
  const events = { stalls: 0 };
  const line = new AcknowledgedLine(handle.worker);
  const lines = { lineFor: () => line };
  const channel = new HandoffChannel(handle, lines, {
    onGone: (handoffs) => gone.push(...handoffs),
    onStalled: () => events.stalls++,
  });
  const handoff = (sid?: string): Handoff => ({
    socket: new FakeSocket().asSocket,
    bytes: new Uint8Array(10),
    sid,
    opensSession: sid === undefined,
    listener: { secure: false, name: undefined, index: 0 },
    returned: false,
  });
  const acknowledge = () => process.emit("internalMessage", { cmd: "NODE_HANDLE_ACK" });
  return { timers, sent, handle, took, gone, events, line, channel, handoff, acknowledge };
}

t.test("what is sent can be observed", async (t) => {
  const { channel, handoff, acknowledge } = setUp(t);
  const told: unknown[] = [];
  const onHandoff = (message: unknown) => told.push(message);
  subscribe("socket-supervisor:handoff", onHandoff);
  t.teardown(() => unsubscribe("socket-supervisor:handoff", onHandoff));
  for (const item of [handoff(), handoff("a")]) channel.push(item);
  t.equal(told.length, 1, "the other one waits");
  acknowledge();
  const common = { version: 1, pid: undefined, bytes: 10, secure: false, returned: false };
  t.strictSame(told, [
    { ...common, sid: undefined, opensSession: true },
    { ...common, sid: "a", opensSession: false },
  ]);
});

t.test("one at a time; what waits is counted", async (t) => {
  const { took, channel, handoff, handle, sent, acknowledge } = setUp(t);
  const all = [handoff(), handoff("a"), handoff("b")];
  for (const item of all) channel.push(item);
  t.equal(sent.length, 1);
  t.strictSame(handle.handoffs, { count: 2, bytes: 20 });
  acknowledge();
  t.strictSame(handle.handoffs, { count: 1, bytes: 10 });
  t.same(took, [1], "the worker has one");
  t.equal(all[0]?.socket.destroyed, true, "the primary's copy");
  acknowledge();
  acknowledge();
  t.same(
    sent,
    all.map(({ socket }) => socket),
  );
  t.strictSame(handle.handoffs, { count: 0, bytes: 0 });
});

t.test("B3 a worker that does not take its socket stalls the channel until it does", async (t) => {
  const { channel, handoff, timers, events, acknowledge } = setUp(t);
  channel.push(handoff());
  timers.fire(HANDOFF_PATIENCE - 1);
  t.equal(channel.isStalled, false);
  timers.fire(HANDOFF_PATIENCE);
  t.equal(channel.isStalled, true);
  t.equal(events.stalls, 1);
  acknowledge();
  t.equal(channel.isStalled, false);
  t.strictSame(timers.delays, [], "nothing is under way");
});

t.test("B3 what was never sent may go elsewhere; what was sent stays", async (t) => {
  const { line, channel, handoff, handle, sent, gone, acknowledge } = setUp(t);
  const [first, own, other, stale] = [handoff(), handoff("own"), handoff(), handoff("stale")];
  for (const item of [first, own, other, stale]) channel.push(item);
  t.same(
    channel.takeWaiting(({ sid }) => sid === "own"),
    [other, stale],
  );
  t.strictSame(handle.handoffs, { count: 1, bytes: 10 });
  t.equal(sent.length, 1);
  acknowledge();
  t.same(sent, [first.socket, own.socket]);
  line.close();
  channel.close();
  t.same(gone, [own], "what a dead worker has not acknowledged comes back");
});

t.test("B2 so they do when the bytes that were read of them are too many", async (t) => {
  const { channel, handoff, handle } = setUp(t);
  const large = (): Handoff => ({ ...handoff(), bytes: new Uint8Array(300_000) });
  for (let n = 0; n < 5; n++) channel.push(large()); // the first is under way
  t.equal(handle.handoffs.bytes, 4 * 300_000);
  const refused = handoff();
  channel.push(refused);
  t.equal(handle.handoffs.count, 4);
  t.match((refused.socket as unknown as FakeSocket).written, /^HTTP\/1\.1 503 /);
});

t.test("B2 beyond the bound clients get 503", async (t) => {
  const { channel, handoff, handle } = setUp(t);
  for (let n = 0; n <= MAX_WAITING_HANDOFFS; n++) channel.push(handoff());
  t.equal(handle.handoffs.count, MAX_WAITING_HANDOFFS);
  const refused = handoff();
  channel.push(refused);
  t.equal(handle.handoffs.count, MAX_WAITING_HANDOFFS);
  t.match((refused.socket as unknown as FakeSocket).written, /^HTTP\/1\.1 503 /);
});
