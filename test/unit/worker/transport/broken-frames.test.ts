// B1, M4: whatever another worker sends over the mesh, this one goes on. What socket.io-adapter throws
// is an exception of nobody, which ends a process: here, the test.
import { serialize } from "node:v8";
import { Server } from "socket.io";
import t from "tap";
import {
  ADAPTER_SOURCE,
  AdapterType,
  isAdapterMessage,
} from "../../../../src/protocol/adapter-messages.js";
import { WideAdapter } from "../../../../src/worker/adapter/wide-adapter.js";
import { FRAME_HEAD, Kind } from "../../../../src/worker/mesh/frames.js";
import { Mesh, type MeshListener } from "../../../../src/worker/mesh/mesh.js";
import { Peer } from "../../../../src/worker/mesh/peer.js";
import { broadcastFrame } from "../../../../src/worker/transport/broadcast-frame.js";
import { MeshTransport } from "../../../../src/worker/transport/mesh-transport.js";
import { socketsFrame } from "../../../../src/worker/transport/sockets-frame.js";
import { MemoryNet } from "../../../helpers/mesh.js";
import { Random } from "../../../helpers/random.js";

const ROUNDS = 6_000;

/** The transport of a worker, and what its mesh calls for each frame of another one. */
function receiver() {
  const listeners: Omit<MeshListener, "onStuck">[] = [];
  const transport = new MeshTransport((listener) => {
    listeners.push(listener);
    const mesh = new Mesh(new MemoryNet().wire(), 1, 1_000_000, { ...listener, onStuck: () => {} });
    mesh.enter({ id: 1, key: "key", seed: 1, members: [] });
    return mesh;
  });
  const [listener] = listeners as [MeshListener];
  return { transport, onMessage: listener.onMessage };
}

const ODD: unknown[] = [
  ...[undefined, null, Number.NaN, -1, 1.5, 2 ** 60, "", "x", true, [], {}, [null], [[]], 10n],
  ...[new Map([[1, 2]]), new Uint8Array(3), { length: 3 }, Array(3), "y".repeat(70_000)],
];

const OPTS = { rooms: ["r"], except: [], flags: {} };
const DATA: Record<string, unknown>[] = [
  { opts: OPTS, packet: { type: 2, data: ["x"], nsp: "/" }, requestId: "q" },
  { opts: OPTS, rooms: ["a"], requestId: "q", close: false },
  { requestId: "q", sockets: [{ id: "s", rooms: [], handshake: {} }], packet: [1], clientCount: 1 },
];

function oddMessage(random: Random): unknown {
  const message: Record<string, unknown> = {
    uid: "other",
    nsp: "/",
    type: random.between(0, 15),
    requesterUid: "u",
    data: structuredClone(random.pick(DATA)),
  };
  for (let left = random.between(0, 3); left > 0; left--) {
    const data = message.data as Record<string, unknown> | undefined;
    const owner = random.pick([message, data, data?.opts, data?.packet]) as typeof message;
    if (typeof owner !== "object" || owner === null || ArrayBuffer.isView(owner)) continue;
    const name = random.pick(Object.keys(owner).concat("type"));
    if (random.chance(0.3)) delete owner[name];
    else owner[name] = structuredClone(random.pick(ODD));
  }
  return random.chance(0.03) ? random.pick(ODD) : message;
}

function spoiled(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(
    bytes.subarray(0, random.chance(0.2) ? random.between(0, bytes.length) : bytes.length),
  );
  for (let left = random.between(0, 3); left > 0 && copy.length > 0; left--) {
    copy[random.between(0, copy.length - 1)] = random.between(0, 255);
  }
  return copy;
}

t.test("broken and odd frames are left out, and nobody ends of them", async (t) => {
  const { transport, onMessage } = receiver();
  const thrown: unknown[] = [];
  t.intercept(process, "nextTick", {
    value: (then: (...args: unknown[]) => void, ...args: unknown[]) => {
      if (then.name === "rethrow") thrown.push(args[0]);
      else queueMicrotask(() => then(...args));
    },
  });
  t.intercept(process, "emitWarning", { value: () => {} });
  const io = new Server({
    adapter: function adapter(nsp: ConstructorParameters<typeof WideAdapter>[0]) {
      return new WideAdapter(nsp, transport, "");
    } as never,
  });
  const adapter = io.of("/").adapter as unknown as WideAdapter;
  const socket = {
    id: "s",
    handshake: {},
    rooms: new Set(["s", "r"]),
    data: {},
    acks: new Map(),
    client: { writeToEngine() {} },
    join() {},
    leave() {},
    disconnect() {},
    notifyOutgoingListeners() {},
  };
  (io.of("/").sockets as Map<string, unknown>).set("s", socket);
  void adapter.addAll("s", new Set(["s", "r"]));
  const random = new Random();
  const peer = new Peer(2, {
    onAdapter() {},
    onAdapterGone() {},
    onMessage() {},
    onBreak() {},
    onQueue() {},
  });
  const packet = { parts: ['2["x",1]', Buffer.from("abc")], idAt: 1 };
  const broadcast = broadcastFrame({
    uid: "other",
    nsp: "/",
    opts: OPTS as never,
    packet,
    requestId: "q",
  });
  const found = socketsFrame({
    uid: "other",
    nsp: "/",
    requesterUid: adapter.uid,
    requestId: "q",
    sockets: [{ id: "s", handshake: {}, rooms: ["s", 1], data: new Map() }],
  });
  for (let n = 0; n < ROUNDS && thrown.length === 0; n++) {
    if (n % 3 === 0) onMessage(Kind.MESSAGE, serialize(oddMessage(random)), peer);
    else if (n % 3 === 1) {
      onMessage(Kind.BROADCAST, spoiled(random, broadcast.subarray(FRAME_HEAD)), peer);
    } else onMessage(Kind.SOCKETS, spoiled(random, found.subarray(FRAME_HEAD)), peer);
  }
  await new Promise(setImmediate);
  t.same(thrown, [], `seed ${random.seed}`);
});

t.test("the type of a packet is a whole number of Socket.IO's protocol", async (t) => {
  const message = (type: unknown) => ({
    source: ADAPTER_SOURCE,
    type: AdapterType.BROADCAST,
    uid: "u",
    nsp: "/",
    data: { opts: OPTS, packet: { type, data: ["x"], nsp: "/" } },
  });
  t.ok(isAdapterMessage(message(2)));
  for (const type of [1.5, "2", -1, 7, Number.NaN, null]) {
    t.notOk(isAdapterMessage(message(type)), String(type));
  }
});
