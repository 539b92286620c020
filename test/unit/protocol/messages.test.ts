import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import fc from "fast-check";
import t from "tap";
import { MAX_HANDOFF_BYTES, MAX_TEXT } from "../../../src/limits.js";
import {
  ADAPTER_SOURCE,
  AdapterType,
  isAdapterMessage,
} from "../../../src/protocol/adapter-messages.js";
import {
  isToPrimary,
  isToWorker,
  type ToPrimary,
  type ToWorker,
} from "../../../src/protocol/messages.js";

const require = createRequire(import.meta.url);
// An enum of a declaration file is a value only at run time.
const { MessageType } = require("socket.io-adapter") as { MessageType: Record<string, number> };

const bytes = new Uint8Array([71, 69, 84]);
const listener = { secure: false, name: undefined, index: 0 };
const welcome = {
  routing: "direct",
  managed: true,
  gatewayDir: "/run/x",
  hangTimeout: 1,
  ticketKeys: bytes,
} as const;

const TO_WORKER: readonly ToWorker[] = [
  { type: "sticky:connection", data: bytes, placed: true, returned: false, listener },
  {
    type: "sticky:connection",
    data: bytes,
    placed: true,
    returned: false,
    listener: { ...listener, name: "a" },
  },
  { type: "supervisor:welcome", ...welcome },
  { type: "supervisor:owner", id: 1, gateway: "/tmp/x/1.sock" },
  { type: "supervisor:owner", id: 1, gateway: null },
  { type: "supervisor:sync", id: 7 },
  { type: "supervisor:listen", dir: "/tmp/x" },
  { type: "supervisor:peer-gone", gateway: "/tmp/x/1.sock" },
  { type: "supervisor:drain", timeout: 5_000 },
  { type: "supervisor:stop", timeout: 5_000 },
  { type: "supervisor:inspect" },
  { type: "supervisor:lease-noted", id: 1 },
  { type: "supervisor:lease-granted", id: 1 },
  { type: "supervisor:collect", id: 1 },
  {
    type: "supervisor:port",
    id: 1,
    name: "3000",
    address: { address: "::", family: "IPv6", port: 3_000 },
  },
  {
    type: "supervisor:port",
    id: 1,
    name: "3000",
    failure: { message: "listen EACCES", code: "EACCES" },
  },
  {
    type: "supervisor:mesh",
    id: 2,
    key: "key",
    seed: 5,
    members: [{ id: 1, address: "/tmp/m1.sock" }],
  },
  { type: "supervisor:mesh-joined", id: 3, address: "/tmp/m3.sock" },
  { type: "supervisor:mesh-gone", id: 3 },
];

const TO_PRIMARY: readonly ToPrimary[] = [
  { type: "supervisor:loaded" },
  { type: "supervisor:hello" },
  { type: "supervisor:ready", gateway: "/tmp/x/1.sock" },
  { type: "supervisor:ready", gateway: null },
  { type: "supervisor:takes-sockets", journal: "/tmp/x/1.journal" },
  { type: "supervisor:takes-sockets", journal: null },
  { type: "supervisor:sessions", opened: [], closed: [], refused: 0 },
  { type: "supervisor:sessions", opened: ["a"], closed: ["b", "c"], refused: 2, sync: 7 },
  { type: "supervisor:whois", id: 1, sid: "a" },
  { type: "supervisor:whois", id: 2, sid: "" },
  { type: "supervisor:place", id: 3 },
  { type: "supervisor:place", id: 4, address: "10.0.0.1" },
  {
    type: "supervisor:heartbeat",
    eventLoopUtilization: 0.5,
    eventLoopDelay: 20,
    rss: 1e8,
    cpuTime: 1,
  },
  { type: "supervisor:return", data: bytes, listener },
  { type: "supervisor:inspector", url: "ws://127.0.0.1:9229/a", usr1Handlers: 0 },
  { type: "supervisor:inspector", url: null, usr1Handlers: 1 },
  { type: "supervisor:lease", id: 1, name: "cleanup" },
  { type: "supervisor:lease-over", id: 1, outcome: "failed" },
  { type: "supervisor:lease-over", id: 1, outcome: "released" },
  { type: "supervisor:lease-over", id: 1, outcome: "withdrawn" },
  { type: "supervisor:open-port", id: 1, port: 0, order: 1, secure: false, ipv6Only: false },
  { type: "supervisor:unlisten" },
  { type: "supervisor:refused", message: "app.js forks" },
  { type: "supervisor:files", files: ["/srv/app.js"] },
  { type: "supervisor:metrics", id: 1, metrics: [{ name: "a", help: "b", values: [] }] },
  { type: "supervisor:metrics", id: 1, metrics: null },
  { type: "supervisor:mesh-enter", address: "/tmp/m1.sock" },
  { type: "supervisor:mesh-stuck", id: 2, why: "does not read" },
  { type: "supervisor:gateway", gateway: "/tmp/x/2.sock" },
  { type: "supervisor:gateway", gateway: null },
  { type: "sticky:connection", data: "sid" },
  { type: "sticky:disconnection", data: "sid" },
];

/** What else is on an IPC channel, and what never should be. */
const FOREIGN: readonly unknown[] = [
  null,
  undefined,
  0,
  1,
  Number.NaN,
  true,
  "",
  "ready",
  "supervisor:hello",
  1n,
  Symbol("x"),
  [],
  ["supervisor:hello"],
  {},
  () => {},
  bytes,
  new Map([["type", "supervisor:hello"]]),
  { type: 1 },
  { type: null },
  { type: "" },
  { type: ["supervisor:hello"] },
  { type: {} },
  ...["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"].map((type) => ({
    type,
  })),
  { type: "supervisor:hello " },
  { type: "Supervisor:Hello" },
  { type: "supervisor:unknown", id: 1 },
  { TYPE: "supervisor:hello" },
  { cmd: "NODE_CLUSTER", act: "listening" },
  { cmd: "NODE_HANDLE_ACK" },
  { type: "process:msg", data: { some: "pm2 message" }, id: 0, topic: true },
  { type: "axm:monitor", data: {} },
  { type: "sticky:http-chunk-start", data: bytes, connectionId: "1" },
  { type: "sticky:http-response", data: bytes, connectionId: "1" },
  { source: ADAPTER_SOURCE, type: 3, uid: "a", nsp: "/", data: {} },
];

/** Each message, with each of its fields missing and of a wrong type. */
function spoilt(message: object): object[] {
  // Not there in messages of @socket.io/sticky; optional; true as well as false.
  const tolerated = [
    "managed",
    "protocol",
    "mesh",
    "placed",
    "returned",
    "sync",
    "address",
    "maxQueue",
    "failure",
    "secure",
    "ipv6Only",
  ]; // not there in messages of @socket.io/sticky; optional; true as well as false
  const fields = Object.keys(message).filter((name) => !tolerated.includes(name));
  return fields.flatMap((name) => {
    const { [name]: _, ...rest } = message as Record<string, unknown>;
    const isFlag = typeof (message as Record<string, unknown>)[name] === "boolean";
    const wrong = [undefined, {}, isFlag ? 1 : true, Symbol("x"), () => {}, [1]];
    return [rest, ...wrong.map((value) => ({ ...rest, [name]: value }))];
  });
}

t.test("every message for the primary is known to it, and not to a worker", async (t) => {
  for (const message of TO_PRIMARY) {
    t.equal(isToPrimary(message), true, message.type);
    t.equal(isToWorker(message), false, message.type);
    t.equal(isAdapterMessage(message), false, message.type);
  }
});

t.test("every message for a worker is known to it, and not to the primary", async (t) => {
  for (const message of TO_WORKER) {
    t.equal(isToWorker(message), true, message.type);
    t.equal(isToPrimary(message), false, message.type);
    t.equal(isAdapterMessage(message), false, message.type);
  }
});

t.test("these are all there are", async (t) => {
  const text = readFileSync(new URL("../../../src/protocol/messages.ts", import.meta.url), "utf8");
  const known = new Set([...text.matchAll(/^ {2}"([a-z]+:[a-z-]+)":/gm)].map(([, type]) => type));
  const tested = new Set([...TO_PRIMARY, ...TO_WORKER].map(({ type }) => type));
  t.strictSame([...known].sort(), [...tested].sort());
});

t.test("everything else is ignored", async (t) => {
  for (const message of FOREIGN) {
    const about = typeof message === "symbol" ? "a symbol" : JSON.stringify(message, replacer);
    t.equal(isToPrimary(message), false, `primary: ${about}`);
    t.equal(isToWorker(message), false, `worker: ${about}`);
  }
});

t.test("a message with a missing or wrong field is ignored", async (t) => {
  const letIn = [
    ...TO_PRIMARY.flatMap(spoilt).filter(isToPrimary),
    ...TO_WORKER.flatMap(spoilt).filter(isToWorker),
  ];
  t.strictSame(
    letIn.map((message) => JSON.stringify(message, replacer)),
    [],
  );
  const sids = { opened: ["a", 1], closed: [], refused: 0 };
  t.equal(isToPrimary({ type: "supervisor:sessions", ...sids }), false, "a sid that is none");
});

t.test("a __proto__ that came in as data lends nothing", async (t) => {
  const inherited = JSON.parse('{"__proto__": {"type": "supervisor:hello"}}');
  t.equal(isToPrimary(inherited), false);
});

t.test("messages of @socket.io/sticky are understood", async (t) => {
  // Its primary sends no `placed`; its workers send what ours do not.
  t.equal(isToWorker({ type: "sticky:connection", data: Buffer.from("GET /"), listener }), true);
  t.equal(isToPrimary({ type: "sticky:connection", data: "sid" }), true);
  t.equal(isToPrimary({ type: "sticky:disconnection", data: "sid" }), true);
});

t.test("an adapter message without a numeric type is none", async (t) => {
  const message = { source: ADAPTER_SOURCE, uid: "a", nsp: "/" };
  t.equal(isAdapterMessage(message), false);
  t.equal(isAdapterMessage({ ...message, type: "13" }), false);
});

t.test("the adapter's numbers are those of socket.io-adapter", async (t) => {
  for (const [name, number] of Object.entries(AdapterType))
    t.equal(number, MessageType[name], name);
  t.equal(Object.keys(AdapterType).length * 2, Object.keys(MessageType).length); // both ways
});

t.test("numbers are finite, whole and in their range", async (t) => {
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, "1", 2n];
  const notCounts = [...odd, 0.5, 2 ** 53, 1e300];
  const check = (guard: (message: unknown) => boolean, message: object, names: string[]) => {
    t.equal(guard(message), true);
    for (const name of names) {
      const isCount = !/^eventLoop|imeout$|^cpuTime$/.test(name);
      for (const value of isCount ? notCounts : odd) {
        t.equal(guard({ ...message, [name]: value }), false, `${name}: ${value}`);
      }
    }
  };
  const vitals = { eventLoopUtilization: 0.5, eventLoopDelay: 20, rss: 1e8, cpuTime: 0.5 };
  check(isToPrimary, { type: "supervisor:heartbeat", ...vitals }, Object.keys(vitals));
  const notice = { opened: [], closed: [], refused: 1, sync: 1 };
  check(isToPrimary, { type: "supervisor:sessions", ...notice }, ["refused", "sync"]);
  check(isToPrimary, { type: "supervisor:whois", id: 1, sid: "a" }, ["id"]);
  check(isToPrimary, { type: "supervisor:lease", id: 1, name: "a" }, ["id"]);
  check(isToPrimary, { type: "supervisor:inspector", url: null, usr1Handlers: 1 }, [
    "usr1Handlers",
  ]);
  check(isToWorker, { type: "supervisor:drain", timeout: 1 }, ["timeout"]);
  check(isToWorker, { type: "supervisor:welcome", ...welcome, maxQueue: 1 }, [
    "hangTimeout",
    "maxQueue",
  ]);
  check(isToWorker, { type: "supervisor:sync", id: 1 }, ["id"]);
  t.equal(
    isToPrimary({ type: "supervisor:heartbeat", ...vitals, eventLoopUtilization: 1.5 }),
    false,
  );
  for (const queues of [{}, [1], [[1]], [[1, -1]], [[1, "1"]], new Array(2)]) {
    t.equal(isToPrimary({ type: "supervisor:heartbeat", ...vitals, queues }), false);
  }
  t.ok(isToPrimary({ type: "supervisor:heartbeat", ...vitals, queues: [[1, 5]] }));
  t.equal(isToWorker({ type: "supervisor:stop", timeout: 2 ** 31 }), false);
  t.equal(
    isToPrimary({ type: "supervisor:return", data: bytes, listener: { secure: true } }),
    false,
  );
  const index = Number.NaN;
  t.equal(
    isToPrimary({ type: "supervisor:return", data: bytes, listener: { ...listener, index } }),
    false,
  );
});

t.test("lists without holes, texts and bytes within their bounds", async (t) => {
  const sids = { opened: ["a"], closed: [], refused: 0 };
  const hole = ["a"];
  hole.length = 3;
  const endless: string[] = [];
  endless.length = 2 ** 32 - 1;
  for (const opened of [hole, endless, { length: 1, 0: "a" }, new Set(["a"])]) {
    t.equal(isToPrimary({ type: "supervisor:sessions", ...sids, opened }), false);
    t.equal(isToPrimary({ type: "supervisor:sessions", ...sids, closed: opened }), false);
  }
  const whois = { type: "supervisor:whois", id: 1 };
  t.equal(isToPrimary({ ...whois, sid: "x".repeat(MAX_TEXT) }), true);
  t.equal(isToPrimary({ ...whois, sid: "x".repeat(MAX_TEXT + 1) }), false);
  const back = { type: "supervisor:return", listener };
  t.equal(isToPrimary({ ...back, data: new Uint8Array(MAX_HANDOFF_BYTES) }), true);
  t.equal(isToPrimary({ ...back, data: new Uint8Array(MAX_HANDOFF_BYTES + 1) }), false);
});

t.test("the guards take whatever comes, and say true only of what they describe", async () => {
  const types = [...TO_PRIMARY, ...TO_WORKER].map(({ type }) => type);
  const names = [...new Set([...TO_PRIMARY, ...TO_WORKER].flatMap((item) => Object.keys(item)))];
  const message = fc
    .tuple(fc.constantFrom(...types), fc.dictionary(fc.constantFrom(...names), fc.anything()))
    .map(([type, fields]) => ({ ...fields, type }));
  const examples = [...TO_PRIMARY, ...TO_WORKER];
  /** Fields of messages of this type that hold a number. */
  const numeric = (type: string): string[] =>
    examples
      .filter((example) => example.type === type)
      .flatMap((example) => Object.entries(example))
      .flatMap(([name, value]) => (typeof value === "number" ? [name] : []));
  fc.assert(
    fc.property(message, (item) => {
      if (!isToPrimary(item) && !isToWorker(item)) return;
      for (const name of numeric(item.type)) {
        const value: unknown = Object.entries(item).find(([key]) => key === name)?.[1];
        if (name === "sync" && value === undefined) continue;
        if (!Number.isFinite(value) || Number(value) < 0) throw new Error(`${name}: ${value}`);
      }
    }),
    { numRuns: 5_000 },
  );
});

t.test("the adapter's source is that of @socket.io/cluster-adapter", async (t) => {
  const path = require.resolve("@socket.io/cluster-adapter");
  t.ok(readFileSync(path, "utf8").includes(`"${ADAPTER_SOURCE}"`), path);
});

/** So that every value has a text. */
function replacer(_key: string, value: unknown): unknown {
  return ["function", "symbol", "bigint", "undefined"].includes(typeof value)
    ? String(value)
    : value;
}
