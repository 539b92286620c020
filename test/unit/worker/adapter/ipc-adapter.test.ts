import cluster from "node:cluster";
import fc from "fast-check";
import { Server } from "socket.io";
import t, { type Test } from "tap";
import {
  ADAPTER_SOURCE,
  type AdapterMessage,
  AdapterType,
  isAdapterMessage,
} from "../../../../src/protocol/adapter-messages.js";
import { IpcAdapter } from "../../../../src/worker/adapter/ipc-adapter.js";
import { primaryChannel } from "../../../../src/worker/primary-channel.js";

type Sent = AdapterMessage & { data?: Record<string, unknown> };

/** This process as a worker: what its adapters send, and what they are sent. */
function asWorker(t: Test) {
  const sent: Sent[] = [];
  const { send, connected } = process;
  Object.assign(cluster, { isWorker: true });
  process.connected = true;
  process.send = (message: Sent, ...rest: unknown[]) => {
    sent.push(structuredClone(message));
    const written = rest.at(-1);
    if (typeof written === "function") setImmediate(() => written(null));
    return true;
  };
  const io = new Server({ adapter: IpcAdapter as never });
  const warnings: string[] = [];
  const onWarning = ({ message }: Error) => warnings.push(message);
  process.on("warning", onWarning);
  io.of("/");
  t.teardown(() => {
    io.of("/").adapter.close();
    primaryChannel().close();
    process.off("warning", onWarning);
    Object.assign(cluster, { isWorker: false });
    Object.assign(process, { send, connected });
  });
  const receive = (message: unknown) =>
    (process.emit as (event: string, ...args: unknown[]) => boolean)("message", message, undefined);
  return { io, sent, warnings, receive };
}

const opts = { rooms: [], except: [], flags: {} };
const requestId = "r";
const packet = { type: 2, data: ["news", 1] };
const handshake = { headers: {}, query: {} };
const sockets = [{ id: "s", handshake, rooms: ["a"], data: {} }];

/** A whole message of each type, as another worker's adapter sends it. */
const WHOLE: Readonly<Record<keyof typeof AdapterType, object | undefined>> = {
  INITIAL_HEARTBEAT: undefined,
  HEARTBEAT: undefined,
  BROADCAST: { packet, opts, requestId },
  SOCKETS_JOIN: { opts, rooms: ["a"] },
  SOCKETS_LEAVE: { opts, rooms: ["a"] },
  DISCONNECT_SOCKETS: { opts, close: false },
  FETCH_SOCKETS: { opts, requestId },
  FETCH_SOCKETS_RESPONSE: { requestId, sockets },
  SERVER_SIDE_EMIT: { packet: ["news"], requestId },
  SERVER_SIDE_EMIT_RESPONSE: { requestId, packet: 1 },
  BROADCAST_CLIENT_COUNT: { requestId, clientCount: 1 },
  BROADCAST_ACK: { requestId, packet: 1 },
  ADAPTER_CLOSE: undefined,
};

const messages = Object.entries(WHOLE).map(([name, data]) => ({
  source: ADAPTER_SOURCE,
  uid: "other",
  nsp: "/",
  type: AdapterType[name as keyof typeof AdapterType],
  ...(data && { data }),
}));

t.test(
  "a whole message of each type is let in, without a field that it needs it is not",
  async (t) => {
    for (const message of messages) {
      t.equal(isAdapterMessage(message), true, `type ${message.type}`);
      for (const name of ["source", "uid", "nsp", "type"]) {
        t.equal(isAdapterMessage({ ...message, [name]: undefined }), false, name);
      }
      if (message.data === undefined) continue;
      for (const data of [undefined, null, 1, "data", [], {}]) {
        t.equal(isAdapterMessage({ ...message, data }), false, `type ${message.type}: ${data}`);
      }
      // What may be anything, or be left out, is all that may.
      const free = {
        6: ["close"],
        3: ["requestId"],
        9: ["requestId"],
        10: ["packet"],
        12: ["packet"],
      };
      for (const name of Object.keys(message.data)) {
        if ((free as Record<number, string[]>)[message.type]?.includes(name)) continue;
        const data = { ...message.data, [name]: undefined };
        t.equal(isAdapterMessage({ ...message, data }), false, `type ${message.type}: no ${name}`);
      }
    }
  },
);

t.test("rooms of any type pass, events of Socket.IO's own do not", async (t) => {
  const message = { source: ADAPTER_SOURCE, uid: "other", nsp: "/" };
  const rooms = [undefined, 5, "a"];
  const data = { packet, opts: { ...opts, rooms } };
  t.equal(isAdapterMessage({ ...message, type: 3, data }), true, "io.to(undefined)");
  const hole: unknown[] = [];
  hole.length = 1;
  const broken = { packet, opts: { ...opts, rooms: hole } };
  t.equal(isAdapterMessage({ ...message, type: 3, data: broken }), false, "a hole");
  for (const event of ["connect", "connection", "new_namespace"]) {
    t.equal(isAdapterMessage({ ...message, type: 9, data: { packet: [event, {}] } }), false, event);
  }
  t.equal(
    isAdapterMessage({ ...message, type: 3, data: { ...data, packet: { type: 99 } } }),
    false,
  );
  t.equal(isAdapterMessage({ ...message, type: 14, data: {} }), false, "an unknown type");
});

t.test("B2 messages without data, or with odd data, are ignored, and said once", async (t) => {
  const { io, receive, warnings, sent } = asWorker(t);
  const heard: unknown[] = [];
  io.on("news", () => heard.push("news"));
  sent.length = 0;
  for (let type = -1; type < 20; type++) {
    for (const data of [undefined, null, 5, {}, { opts: {} }, { packet: null, opts }]) {
      receive({ source: ADAPTER_SOURCE, uid: "other", nsp: "/", type, data });
    }
  }
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(warnings.filter((text) => text.includes("is broken")).length, 1);
  t.same(heard, []);
  // It is whole: the adapter is at work.
  receive({ source: ADAPTER_SOURCE, uid: "other", nsp: "/", type: 9, data: { packet: ["news"] } });
  t.same(heard, ["news"]);
});

t.test("whatever comes over IPC, receiving it does not throw", async (t) => {
  const { receive } = asWorker(t);
  const odd = fc.oneof(
    fc.anything(),
    fc.constantFrom(opts, packet, sockets, requestId, Number.NaN, [], {}, null, new Array(3)),
  );
  const data = fc.dictionary(
    fc.constantFrom("packet", "opts", "requestId", "rooms", "close", "sockets", "clientCount"),
    odd,
  );
  const whole = fc.constantFrom(...messages.map((message) => message.data ?? {}));
  const message = fc
    .tuple(
      fc.integer({ min: 0, max: 15 }),
      fc.oneof(
        data,
        fc.tuple(whole, data).map(([a, b]) => ({ ...a, ...b })),
      ),
    )
    .map(([type, fields]) => ({
      source: ADAPTER_SOURCE,
      uid: "other",
      nsp: "/",
      type,
      data: fields,
    }));
  fc.assert(
    fc.property(fc.oneof(message, fc.anything()), (item) => {
      receive(item);
    }),
    { numRuns: 3_000 },
  );
});

t.test("answers say whom they are for", async (t) => {
  const { receive, sent } = asWorker(t);
  for (const type of [3, 7]) {
    receive(messages.find((message) => message.type === type));
  }
  await new Promise((resolve) => setImmediate(resolve));
  const answers = sent.filter(({ type }) => type === 8 || type === 11);
  t.equal(answers.length, 2);
  for (const { requesterUid } of answers) t.equal(requesterUid, "other");
});
