import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { Random } from "../../helpers/random.js";
import { bytesOf, type Case, randomFor, SENTINEL, type Whose } from "../case.js";
import { makeOddCertificates } from "../certificates.js";
import { bytesOfRequest, right, upgradeRequest } from "../generate/requests.js";
import type { Target } from "../targets.js";
import type { Area } from "./area.js";
import { compare } from "./raw.js";

const NAMES = [
  ...[
    "localhost",
    "\x7f",
    "a\x7fb",
    " ",
    "a b",
    "\t",
    "\x01",
    "ü",
    "日本",
    "\u{1f600}",
    "x".repeat(255),
  ],
  ...[".", "..", "a..b", "-", "*", "*.example", "LOCALHOST", "localhost.", "%00", '"', "{}", "a,b"],
  ...["\\", "\r\n", "a\r\nX-Evil: 1", "__proto__", "127.0.0.1\x7f", "é".repeat(100), "\xff"],
];

const PROTOCOLS = [
  ...[["http/1.1"], ["x", "http/1.1"], ["http/1.1", "h2c"], ["http/1.0"], ["acme-tls/1"], []],
  ...[["http/1.1", "\x7f"], Array.from({ length: 60 }, (_, n) => `p${n}`).concat("http/1.1")],
];

/** A request for a session that lives elsewhere: what is known of the connection goes along. */
function caseOf(id: string, random: Random): Case {
  const session = random.pick<Whose>(["foreign", "foreign", "own", "none"]);
  const isUpgrade = random.chance(0.3);
  const request = isUpgrade ? upgradeRequest(random, session) : right(random, session);
  const bytes = bytesOfRequest(random, request);
  return {
    id,
    session,
    connection: "kept",
    compares: true,
    steps: isUpgrade
      ? [
          { do: "send", bytes },
          { do: "wait", ms: 30 },
          { do: "send", bytes: "\x88\x80\0\0\0\0" },
        ]
      : [{ do: "send", bytes: bytes + SENTINEL }],
  };
}

const names: Area = {
  name: "sni",
  secure: true,
  atOnce: 8,
  attack(field, number) {
    const id = `sni:${number}`;
    const random = randomFor(field.seed, id);
    const tls: ConnectionOptions = { servername: random.pick(NAMES) };
    if (random.chance(0.4)) tls.ALPNProtocols = random.pick(PROTOCOLS);
    return compare(field, caseOf(id, random), tls);
  },
};

const certificates: Area = {
  name: "certificates",
  secure: true,
  atOnce: 8,
  async attack(field, number) {
    const id = `certificates:${number}`;
    const random = randomFor(field.seed, id);
    const dir = field.pair.certificates ?? "";
    const files = await makeOddCertificates(dir);
    const file = random.pick(files);
    const read = (path: string) => readFileSync(`${dir}/${path}`);
    const tls = { cert: read(`${file}-cert.pem`), key: read(`${file}-key.pem`) };
    const found = await compare(field, caseOf(id, random), tls);
    return found === undefined ? undefined : `with ${file}: ${found}`;
  },
};

let hello: Promise<Buffer> | undefined;

/** A client's first message, as Node sends it. */
async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const client = connectTls({ port, servername: "hostile.example", ALPNProtocols: ["h2"] });
  client.on("error", () => {}); // it gets no answer
  const [socket] = await once(server, "connection");
  const [bytes] = (await once(socket, "data")) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

/** The same with bytes changed, left out or doubled: names with NUL, lengths that lie. */
function changed(random: Random, original: Buffer): Buffer {
  const bytes = Buffer.from(original);
  const name = bytes.indexOf("hostile.example");
  for (let left = random.between(0, 3); left > 0; left--) {
    const at = random.chance(0.6) ? name + random.between(-9, 14) : random.between(0, 60);
    bytes[at] = random.between(0, 255);
  }
  if (random.chance(0.3)) return bytes.subarray(0, random.between(0, bytes.length));
  return random.chance(0.1) ? Buffer.concat([bytes, bytes]) : bytes;
}

/**
 * Says hello, and breaks off.
 *
 * @returns whether the server closes after a FIN; `undefined` when there was none
 */
async function sayHello({ port }: Target, random: Random): Promise<boolean | undefined> {
  hello ??= clientHello();
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => socket.destroy()); // it may be reset
  await once(socket, "connect");
  socket.write(changed(random, await hello));
  await sleep(random.between(0, 15));
  if (random.chance(0.3)) socket.write(bytesOf(random.text("\0\x14\x16\x03\xff", 40)));
  if (random.chance(0.5)) {
    socket.resetAndDestroy();
    return undefined;
  }
  const closed = once(socket, "close", { signal: AbortSignal.timeout(4_000) });
  socket.end();
  socket.resume();
  try {
    await closed;
    return true;
  } catch (error) {
    const { name, code } = error as NodeJS.ErrnoException;
    if (code === "ECONNRESET") return true;
    if (name !== "AbortError") throw error;
    return false;
  } finally {
    socket.destroy();
  }
}

const hellos: Area = {
  name: "hellos",
  secure: true,
  atOnce: 8,
  async attack({ pair, seed }, number) {
    const on = (target: Target) => sayHello(target, randomFor(seed, `hellos:${number}`));
    let [plain, cluster] = await Promise.all([on(pair.plain), on(pair.cluster)]);
    // Where the FIN comes while the handshake is being read, both are seen of either server.
    for (let again = 3; plain === true && cluster === false && again > 0; again--) {
      [plain, cluster] = await Promise.all([on(pair.plain), on(pair.cluster)]);
    }
    if (cluster !== false || plain !== true) return undefined;
    return `closed after a FIN in the TLS handshake: plain ${plain}, cluster ${cluster}`;
  },
};

export const tlsAreas: readonly Area[] = [names, certificates, hellos];
