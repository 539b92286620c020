import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../helpers/random.js";
import type { RawConnection } from "../../helpers/raw.js";
import { randomFor } from "../case.js";
import { freshAddress, type Target } from "../targets.js";
import type { Area } from "./area.js";

/** ms without a frame; the later ones only when the two servers differed before. */
const PATIENCE = [250, 1_000, 4_000];

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const Type = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
};
const END_STREAM = 1;
const END_HEADERS = 4;

function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(Math.min(payload.length, 0xffffff), 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

/** A header as a literal that is not indexed (RFC 7541, section 6.2.2). */
function literal(name: string, value: string): Buffer {
  const text = (bytes: Buffer) =>
    Buffer.concat([
      bytes.length < 127
        ? Buffer.from([bytes.length])
        : Buffer.from([127, 0x80 | ((bytes.length - 127) & 0x7f), (bytes.length - 127) >> 7]),
      bytes,
    ]);
  const parts = [name, value].map((part) => text(Buffer.from(part, "latin1")));
  return Buffer.concat([Buffer.from([0]), ...parts]);
}

function requestHeaders(path: string, method = "GET", more: [string, string][] = []): Buffer {
  const all: [string, string][] = [
    [":method", method],
    [":scheme", "https"],
    [":authority", "localhost"],
    [":path", path],
    ...more,
  ];
  return Buffer.concat(all.map(([name, value]) => literal(name, value)));
}

const PATHS = [
  "/socket.io/?EIO=4&transport=polling&sid=unknownunknown123456",
  "/socket.io/?EIO=9&transport=polling",
  "/pid",
];

type Make = (random: Random) => Buffer[];

const settings = (pairs: [number, number][]): Buffer =>
  frame(
    Type.SETTINGS,
    0,
    0,
    Buffer.concat(
      pairs.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id & 255]), u32(value)])),
    ),
  );

const get = (stream: number, path: string): Buffer =>
  frame(Type.HEADERS, END_HEADERS | END_STREAM, stream, requestHeaders(path));

/** Attacks by their names in the literature, and some without. */
const ATTACKS: Record<string, Make> = {
  "settings flood": (random) => Array(random.pick([10, 900, 3_000])).fill(settings([])),
  "odd settings": (random) => [
    settings([
      [random.between(0, 9), random.pick([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 16_383])],
      [random.pick([1, 4, 5, 6, 255]), random.pick([0, 1, 2 ** 14, 2 ** 24 - 1, 2 ** 24])],
    ]),
    get(1, random.pick(PATHS)),
  ],
  "ping flood": (random) =>
    Array(random.pick([10, 900, 3_000])).fill(frame(Type.PING, 0, 0, Buffer.alloc(8))),
  "rapid reset": (random) =>
    Array.from({ length: random.pick([3, 100, 600]) }, (_, n) =>
      Buffer.concat([
        get(2 * n + 1, random.pick(PATHS)),
        frame(Type.RST_STREAM, 0, 2 * n + 1, u32(random.pick([0, 8, 0xff]))),
      ]),
    ),
  "continuation flood": (random) => [
    frame(Type.HEADERS, END_STREAM, 1, requestHeaders("/pid")),
    ...Array(random.pick([1, 50, 600])).fill(
      frame(Type.CONTINUATION, 0, 1, literal("x", "y".repeat(random.pick([0, 100, 1_000])))),
    ),
    ...(random.chance(0.5) ? [frame(Type.CONTINUATION, END_HEADERS, 1)] : []),
  ],
  "window tricks": (random) => [
    frame(Type.WINDOW_UPDATE, 0, random.pick([0, 1]), u32(random.pick([0, 1, 2 ** 31 - 1]))),
    frame(Type.WINDOW_UPDATE, 0, 0, u32(random.pick([0, 2 ** 31 - 1]))),
    get(1, random.pick(PATHS)),
  ],
  "no window": (random) => [
    settings([[4, 0]]),
    ...Array.from({ length: random.pick([1, 40]) }, (_, n) => get(2 * n + 1, PATHS[2] as string)),
  ],
  "hpack garbage": (random) => [
    frame(
      Type.HEADERS,
      END_HEADERS | END_STREAM,
      1,
      random.pick([
        Buffer.from(random.text("\0\x01\x3f\x7f\x80\xff\x82\x86", 60), "latin1"),
        Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), // an index beyond all tables
        Buffer.from([0x3f, 0xe1, 0xff, 0xff, 0x7f]), // a table of any size
        Buffer.from([0x00, 0x7f, 0xff, 0xff, 0xff, 0x07]), // a name of any length
        Buffer.from([0x82, 0x84, 0x00, 0x83, 0xff, 0xff, 0xff, 0x00]), // Huffman's end in the middle
      ]),
    ),
  ],
  "odd headers": (random) => [
    frame(
      Type.HEADERS,
      END_HEADERS | END_STREAM,
      1,
      requestHeaders(
        random.pick(["", "*", "x", "/\0", "/ a", PATHS[0] as string]),
        random.pick(["", "GET", "a b", "CONNECT"]),
        [
          random.pick<[string, string]>([
            ...([
              ["Upper", "x"],
              ["connection", "close"],
              [":path", "/x"],
              [":x", "y"],
            ] as [string, string][]),
            ...([
              ["te", "gzip"],
              ["x", "a\r\nb"],
              ["", "x"],
              ["content-length", "-1"],
            ] as [string, string][]),
          ]),
        ],
      ),
    ),
  ],
  "streams out of order": (random) => [
    get(random.pick([0, 2, 5, 2 ** 31 - 1]), PATHS[2] as string),
    get(random.pick([1, 3, 2 ** 31 - 1]), PATHS[2] as string),
    frame(
      Type.DATA,
      random.pick([0, 1, 8]),
      random.pick([0, 1, 3, 99]),
      Buffer.alloc(random.pick([0, 1, 900]), 255),
    ),
  ],
  "frames that do not fit": (random) => [
    frame(
      random.pick([2, 3, 4, 6, 7, 8]),
      random.pick([0, 1, 0xff]),
      random.pick([0, 1]),
      Buffer.alloc(random.between(0, 12)),
    ),
    frame(
      random.pick([5, 10, 77, 255]),
      random.between(0, 255),
      random.pick([0, 1]),
      Buffer.alloc(random.between(0, 40)),
    ),
  ],
  "too long": () => [frame(Type.DATA, 0, 1, Buffer.alloc(16_385)), get(3, PATHS[2] as string)],
  "in the middle": (random) => {
    const whole = get(1, PATHS[2] as string);
    return [whole.subarray(0, random.between(1, whole.length - 1))];
  },
  "empty data": (random) => [
    frame(Type.HEADERS, END_HEADERS, 1, requestHeaders(PATHS[0] as string, "POST")),
    ...Array(random.pick([10, 900, 3_000])).fill(frame(Type.DATA, 0, 1)),
  ],
  priority: (random) => [
    frame(Type.PRIORITY, 0, 1, Buffer.concat([u32(random.pick([0, 1, 3])), Buffer.from([255])])),
    ...Array(500).fill(frame(Type.PRIORITY, 0, 3, Buffer.concat([u32(5), Buffer.from([1])]))),
    get(7, PATHS[2] as string),
  ],
};

/** Those in which the servers race with what comes: only that nothing breaks is asked. */
const RACES = new Set([
  "settings flood",
  "ping flood",
  "rapid reset",
  "continuation flood",
  "empty data",
  "priority",
]);

/** What a server says by frames: how streams and the connection ended. */
function endings(received: Buffer): string {
  const found: string[] = [];
  for (let at = 0; at + 9 <= received.length; ) {
    const length = received.readUIntBE(at, 3);
    const [type, stream] = [received[at + 3], received.readUInt32BE(at + 5)];
    const payload = received.subarray(at + 9, at + 9 + length);
    if (payload.length < length) break;
    if (type === Type.GOAWAY) found.push(`GOAWAY ${payload.readUInt32BE(4)}`);
    else if (type === Type.RST_STREAM)
      found.push(`RST_STREAM ${stream} ${payload.readUInt32BE(0)}`);
    else if (type === Type.HEADERS) found.push(`HEADERS ${stream}`);
    at += 9 + length;
  }
  return found.sort().join(", ");
}

async function quiet(connection: RawConnection, patience: number): Promise<void> {
  for (;;) {
    const before = connection.received.length;
    if (connection.ended) return;
    await Promise.race([once(connection.socket, "more"), sleep(patience)]);
    if (connection.received.length === before) return;
  }
}

async function playOn(target: Target, bytes: Buffer, patience: number, localAddress: string) {
  const connection = await target.open({ ALPNProtocols: ["h2"], localAddress });
  try {
    connection.write(bytes);
    await quiet(connection, patience);
    return `${endings(connection.received)}; ${connection.ended ? "closed" : "open"}`;
  } finally {
    connection.destroy();
  }
}

/** Frames of HTTP/2, right ones and broken ones, one by one and in floods. */
export const http2FramesArea: Area = {
  name: "frames",
  secure: true,
  atOnce: 4,
  async attack({ pair, seed }, number) {
    const random = randomFor(seed, `frames:${number}`);
    const names = Object.keys(ATTACKS);
    const name = random.pick(names);
    const first = random.chance(0.9) ? [settings([])] : [];
    const frames = ATTACKS[name]?.(random) ?? [];
    const bytes = Buffer.concat([Buffer.from(PREFACE), ...first, ...frames]);
    let found: string | undefined;
    for (const patience of PATIENCE) {
      const localAddress = freshAddress();
      const [plain, cluster] = await Promise.all([
        playOn(pair.plain, bytes, patience, localAddress),
        playOn(pair.cluster, bytes, patience, localAddress),
      ]);
      if (RACES.has(name) || plain === cluster) return undefined;
      found = `${name}: ${bytes.subarray(0, 400).toString("hex")}\n  plain: ${plain}\n  cluster: ${cluster}`;
    }
    return found;
  },
};
