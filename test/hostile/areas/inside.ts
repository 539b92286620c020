import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../helpers/random.js";
import { bytesOf, randomFor } from "../case.js";
import { oddlyFramed } from "../generate/framing.js";
import { changeHeaders } from "../generate/headers.js";
import { oddMessage } from "../generate/messages.js";
import { bytesOfRequest, oddFrame, right, upgradeRequest } from "../generate/requests.js";
import { socketsOf } from "../targets.js";
import type { Area } from "./area.js";

/** Odd messages on the channels between primary and workers, in both directions. */
const ipc: Area = {
  name: "ipc",
  secure: false,
  atOnce: 2,
  async attack({ pair, canaries, seed }, number) {
    const random = randomFor(seed, `ipc:${number}`);
    const pids = canaries.pids.sort((a, b) => a - b);
    const sent: string[] = [];
    for (let left = random.between(1, 5); left > 0; left--) {
      const pid = random.pick(pids);
      const from = random.chance(0.6) ? "worker" : "primary";
      const message = oddMessage(random, from);
      sent.push(`${from}: ${message}`);
      try {
        if (from === "worker") await canaries.ask(pid, "ipc", message);
        else await pair.manager.call("sendToWorker", pid, message);
      } catch (error) {
        return `after ${sent.join("\n  ")}\n  ${(error as Error).message}`;
      }
    }
    const { workers, sessions } = await pair.manager.status();
    const counts = [sessions, ...workers.map((worker) => worker.sessions)];
    if (counts.every((count) => Number.isInteger(count) && count >= 0)) return undefined;
    return `after ${sent.join("\n  ")}\n  sessions are counted as ${counts}`;
  },
};

/** What stands in the two headers of a request between workers (envelope.ts), and what does not. */
const CLIENTS = [
  ...["", "null", "[]", "5", '"x"', "{", "\xff", "x".repeat(9_000), "e30", '{"__proto__":{}}'],
  ...["{}", "{}", '{"remoteAddress":5,"encrypted":"x"}', '{"remoteAddress":"127.0.0.1"}'],
  ...['{"tls":{"chain":["x"],"authorized":1}}', '{"tls":{"chain":5}}', '{"tls":5}', '{"tls":{}}'],
  ...['{"tls":{"chain":[],"servername":{}}}', '{"remotePort":{},"remoteFamily":[]}'],
];

const PARTS: ((random: Random) => unknown)[] = [
  (random) => random.pick<unknown>(["/socket.io/", "", "/x", 5, null]), // server
  (random) => random.pick<unknown>(["GET", "POST", "HEAD", "", "a b", "\r\n", 5]),
  (random) =>
    random.pick<unknown>([
      "/",
      "*",
      "",
      "http://[",
      "//",
      "/%",
      "\0",
      `/?sid=${"x".repeat(99)}`,
      7,
    ]),
  (random) => random.pick<unknown>(["1.1", "2.0", "9.9", "1.0", "x", 1.1]),
  (random) =>
    random.pick<unknown>([
      ...[[], ["a"], ["a", "b"], ["", ""], ["a\r\nb", "\0"], [1, 2], {}, null, "xx"],
      ...[["__proto__", "x"], ["Host", "a", "host", "b"], Array(2_000).fill("x")],
      [
        "Connection",
        "Upgrade",
        "Upgrade",
        "websocket",
        "Sec-WebSocket-Key",
        "dGhlIHNhbXBsZSBub25jZQ==",
      ],
    ]),
  (random) => random.pick<unknown>([0, 1, 2, 3, -1, -2, 2 ** 31, 1.5, "2", null]), // counted
  (random) => random.pick<unknown>([true, false, 0, "x", null]),
];

function oddEnvelope(random: Random): [string, string][] {
  const right: unknown[] = [
    ...[
      "/socket.io/",
      "GET",
      "/socket.io/?EIO=4&transport=polling&sid=unknownunknown123456",
      "1.1",
    ],
    ...[["Host", "localhost"], 2, false],
  ];
  for (let left = random.between(0, 3); left > 0; left--) {
    const at = random.between(0, PARTS.length - 1);
    right[at] = PARTS[at]?.(random);
  }
  if (random.chance(0.1)) right.pop();
  if (random.chance(0.1)) right.push("more");
  const request = random.chance(0.1) ? random.pick(CLIENTS) : JSON.stringify(right);
  const escaped = request.replace(
    /[^\x20-\x7e]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const headers: [string, string][] = [
    ["x-supervisor-client", random.chance(0.5) ? "{}" : random.pick(CLIENTS)],
    ["x-supervisor-request", escaped],
  ];
  if (random.chance(0.1)) headers.push(random.pick(headers));
  if (random.chance(0.05)) headers.shift();
  return headers;
}

function toGateway(random: Random): string {
  if (random.chance(0.15)) return oddlyFramed(random, "unknown");
  const session = random.chance(0.5) ? "unknown" : "none";
  const request = random.chance(0.6) ? right(random, session) : upgradeRequest(random, session);
  if (random.chance(0.4)) request.headers = changeHeaders(random, request.headers);
  if (random.chance(0.8)) request.headers.unshift(...oddEnvelope(random));
  return bytesOfRequest(random, request) + (random.chance(0.2) ? oddFrame(random) : "");
}

/** Bytes of any kind on the sockets by which workers reach each other. */
const gateway: Area = {
  name: "gateway",
  secure: false,
  atOnce: 8,
  async attack({ pair, seed }, number) {
    const random = randomFor(seed, `gateway:${number}`);
    const socket = connect({ path: random.pick(socketsOf(pair, "gateway")) });
    socket.on("error", () => socket.destroy()); // it may be reset
    await once(socket, "connect");
    socket.resume().write(bytesOf(toGateway(random)));
    await sleep(random.between(5, 40));
    if (random.chance(0.5)) socket.end();
    await sleep(random.between(0, 10));
    socket.destroy();
    return undefined;
  },
};

export const insideAreas: readonly Area[] = [ipc, gateway];
