import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../helpers/random.js";
import { bytesOf, randomFor } from "../case.js";
import { oddlyFramed } from "../generate/framing.js";
import { changeHeaders } from "../generate/headers.js";
import { oddMessage } from "../generate/messages.js";
import { bytesOfRequest, oddFrame, right, upgradeRequest } from "../generate/requests.js";
import type { Pair } from "../targets.js";
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

/** What a worker may be told that a request is for: the header by which it is, if it is by one. */
const ENVELOPES = [
  ...[
    "",
    "null",
    "[]",
    "{}",
    "5",
    '"x"',
    '{"server":1}',
    '{"server":"","client":null}',
    "\xff",
    "{",
  ],
  ...[
    '{"server":"","client":{"remoteAddress":5,"encrypted":"x"}}',
    '{"client":[]}',
    "%7B%7D",
    "e30",
  ],
  ...[
    '{"server":"","client":{},"tls":{"chain":["x"],"authorized":1}}',
    "x".repeat(9_000),
    "bnVsbA",
  ],
  ...['{"server":"","client":{},"tls":{"chain":5}}', '{"__proto__":{"server":""},"client":{}}'],
  ...['{"server":"","client":{},"tls":5}', '{"server":"","client":{"remoteAddress":"127.0.0.1"}}'],
];

const ENVELOPE_NAMES = [
  "x-supervisor-forwarded",
  "X-Supervisor-Forwarded",
  "x-supervisor-envelope",
];

function toGateway(random: Random): string {
  if (random.chance(0.15)) return oddlyFramed(random, "unknown");
  const session = random.chance(0.5) ? "unknown" : "none";
  const request = random.chance(0.6) ? right(random, session) : upgradeRequest(random, session);
  if (random.chance(0.4)) request.headers = changeHeaders(random, request.headers);
  for (let left = random.between(0, 2); left > 0; left--) {
    const header: [string, string] = [random.pick(ENVELOPE_NAMES), random.pick(ENVELOPES)];
    if (random.chance(0.5)) request.headers.unshift(header);
    else request.headers.push(header);
  }
  return bytesOfRequest(random, request) + (random.chance(0.2) ? oddFrame(random) : "");
}

/** The Unix sockets of the workers of this cluster. */
function gatewaysOf(pair: Pair): string[] {
  const prefix = `socket-supervisor-${pair.manager.child.pid}-`;
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(prefix))
    .flatMap((name) => readdirSync(join(tmpdir(), name)).map((file) => join(tmpdir(), name, file)))
    .sort();
}

/** Bytes of any kind on the sockets by which workers reach each other. */
const gateway: Area = {
  name: "gateway",
  secure: false,
  atOnce: 8,
  async attack({ pair, seed }, number) {
    const random = randomFor(seed, `gateway:${number}`);
    const socket = connect({ path: random.pick(gatewaysOf(pair)) });
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
