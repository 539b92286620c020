import type { Random } from "../../helpers/random.js";

/** Values as expressions, since JSON has not all of them. */
const ODD = [
  ...["undefined", "null", "NaN", "Infinity", "-1", "1.5", "2 ** 60", "0", '""', '"x"', "true"],
  ...["[]", "{}", "[null]", "[1]", "[[]]", '["a", 1]', "new Map([[1, 2]])", "new Uint8Array(3)"],
  ...['"y".repeat(1e5)', "new Date(NaN)", "10n", "{ length: 3 }", "{ __proto__: { length: 1 } }"],
  ...["new Error('x')", "{ toString: 1 }", "Array(1e5).fill('z')", '{ ["__proto__"]: 1 }'],
];

/** A message with its fields, each right by itself and without effect on anybody. */
type Template = Record<string, string>;

const LISTENER = "{ secure: false, name: undefined, index: 0 }";

const FROM_WORKERS: Template[] = [
  { type: '"supervisor:sessions"', opened: "[]", closed: '["nobody"]', refused: "0" },
  { type: '"supervisor:sessions"', opened: "[]", closed: "[]", refused: "0", sync: "99" },
  { type: '"supervisor:whois"', id: "-5", sid: '"nobody"' },
  { type: '"supervisor:place"', id: "-6", address: '"127.0.0.1"' },
  { type: '"supervisor:return"', data: "new Uint8Array(5)", listener: LISTENER },
  { type: '"supervisor:inspector"', url: "null", usr1Handlers: "0" },
  { type: '"supervisor:lease"', id: "-7", name: '"hostile"' },
  { type: '"supervisor:lease-over"', id: "-7", outcome: '"withdrawn"' },
  { type: '"sticky:connection"', data: '"nobody"' },
  { type: '"sticky:disconnection"', data: '"nobody"' },
  ...adapterMessages(),
];

const FROM_PRIMARY: Template[] = [
  { type: '"sticky:connection"', data: "new Uint8Array(5)", listener: LISTENER },
  { type: '"supervisor:owner"', id: "-5", gateway: "null" },
  { type: '"supervisor:owner"', id: "-5", gateway: '"/nowhere"' },
  { type: '"supervisor:peer-gone"', gateway: '"/nowhere"' },
  { type: '"supervisor:lease-noted"', id: "-5" },
  { type: '"supervisor:lease-granted"', id: "-5" },
  ...adapterMessages(),
];

/** Those that would be obeyed as they are: they are sent with something wrong in them only. */
const OBEYED_FROM_WORKERS: Template[] = [
  { type: '"supervisor:ready"', gateway: "null" },
  {
    type: '"supervisor:heartbeat"',
    eventLoopUtilization: "0",
    eventLoopDelay: "0",
    rss: "1e6",
  },
];
const OBEYED_FROM_PRIMARY: Template[] = [
  { type: '"supervisor:drain"', timeout: '"x"' },
  { type: '"supervisor:stop"', timeout: "null" },
  { type: '"supervisor:welcome"', routing: '"direct"', gatewayDir: "5" },
];

function adapterMessages(): Template[] {
  const options = '{ rooms: ["nobody"], except: [], flags: {} }';
  const data = [
    `{ opts: ${options}, packet: { type: 2, data: ["x"], nsp: "/" } }`,
    `{ opts: ${options}, requestId: "r1", rooms: ["a"], close: false }`,
    '{ requestId: "r1", sockets: [], packet: [1], clientCount: 1, response: 1, responses: [] }',
  ];
  return Array.from({ length: 15 }, (_, type) => data.map((one) => ({ type, one }))).flatMap(
    (pairs) =>
      pairs.map(({ type, one }) => ({
        source: '"_sio_adapter"',
        uid: '"nobody"',
        nsp: '"/"',
        type: String(type),
        data: one,
      })),
  );
}

const write = (fields: Template): string =>
  `({ ${Object.entries(fields)
    .map(([name, value]) => `${JSON.stringify(name)}: ${value}`)
    .join(", ")} })`;

/** One or two fields are odd, or missing. Names of types stay, or nobody would look. */
function spoiled(random: Random, template: Template): string {
  const fields = { ...template };
  const names = Object.keys(fields).filter((name) => !["type", "source"].includes(name));
  for (let left = random.between(1, 2); left > 0 && names.length > 0; left--) {
    const name = random.pick(names);
    if (random.chance(0.3)) delete fields[name];
    else fields[name] = random.pick(ODD);
  }
  return write(fields);
}

/** Node refuses to send these by themselves. */
const UNSENT = ["undefined", "10n"];

/** An odd message, as an expression. */
export function oddMessage(random: Random, from: "worker" | "primary"): string {
  if (random.chance(0.05)) return random.pick(ODD.filter((value) => !UNSENT.includes(value)));
  const obeyed = from === "worker" ? OBEYED_FROM_WORKERS : OBEYED_FROM_PRIMARY;
  if (random.chance(0.1)) {
    // A field less, of each the one that says what to do.
    const { type = "" } = random.pick(obeyed);
    return write({ type, gateway: random.pick(["5", "{}", "undefined"]), rss: "NaN" });
  }
  const template = random.pick(from === "worker" ? FROM_WORKERS : FROM_PRIMARY);
  return random.chance(0.2) ? write(template) : spoiled(random, template);
}
