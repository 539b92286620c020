import { once } from "node:events";
import { connect } from "node:net";
import type { Random } from "../../helpers/random.js";
import { RawConnection, type RawResponse } from "../../helpers/raw.js";
import { bytesOf, randomFor } from "../case.js";
import { oddlyFramed } from "../generate/framing.js";
import { changeHeaders } from "../generate/headers.js";
import { bytesOfRequest, type Request } from "../generate/requests.js";
import type { Area } from "./area.js";

/** Longer than any answer takes on a busy machine. */
const PATIENCE = 15_000;

const BODIES = [
  ...["", "null", "[]", "{}", "5", '"x"', "{", "\xff", '{"count":0}', '{"count":-1}'],
  ...['{"count":"x"}', '{"count":1.5}', '{"count":null}', '{"count":{}}', '{"count":[]}'],
  ...['{"count":1e400}', '{"count":true}', '{"__proto__":{"count":0}}', '{"worker":-1}'],
  ...['{"worker":0}', '{"worker":999999999}', '{"worker":"x"}', '{"worker":{}}', '{"worker":null}'],
  ...['{"worker":1e99,"close":true}', '{"worker":"x","close":"yes"}', '{"worker":[1]}'],
  ...[`{"x":"${"y".repeat(17_000)}"}`, "z".repeat(300_000), `${"[".repeat(8_000)}`],
];

/** What is obeyed (a reload, a stop, a count that is one) is not asked for: it is no attack. */
const LINES: [string, string][] = [
  ...(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] as const).flatMap((method) =>
    ["/status", "/health", "/reload", "/stop", "/scale", "/inspect", "/", "*", "/status?x"].map(
      (target): [string, string] => [method, target],
    ),
  ),
  ...["/scale", "/inspect", "/scale", "/inspect", "/status", "/nowhere"].map(
    (target): [string, string] => ["POST", target],
  ),
];

function oddRequest(random: Random): string {
  if (random.chance(0.2)) return oddlyFramed(random, "unknown");
  const [method, target] = random.pick(LINES);
  const body = random.pick(BODIES);
  const length = body.length + (random.chance(0.1) ? random.between(-5, 5) : 0);
  const request: Request = {
    method,
    target,
    version: "HTTP/1.1",
    body,
    headers: [
      ["Host", "localhost"],
      ["Content-Length", String(Math.max(0, length))],
    ],
  };
  if (random.chance(0.3)) request.headers = changeHeaders(random, request.headers);
  return bytesOfRequest(random, request);
}

async function open(path: string): Promise<RawConnection> {
  const socket = connect({ path });
  await once(socket, "connect");
  return new RawConnection(socket);
}

/** The health of the cluster, asked on a connection of its own. */
async function health(path: string): Promise<RawResponse> {
  const connection = await open(path);
  try {
    connection.write("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const late = new Promise<never>((_, reject) => {
      const why = new Error(`GET /health was not answered in ${PATIENCE} ms`);
      setTimeout(reject, PATIENCE, why).unref();
    });
    return await Promise.race([connection.response(), late]);
  } finally {
    connection.destroy();
  }
}

/** Bytes of any kind on the primary's control socket. */
export const controlArea: Area = {
  name: "control",
  secure: false,
  atOnce: 4,
  async attack({ pair, seed }, number) {
    const random = randomFor(seed, `control:${number}`);
    const bytes: string[] = [];
    const connections: RawConnection[] = [];
    for (let left = random.between(1, 4); left > 0; left--) {
      const connection = await open(pair.control);
      connections.push(connection);
      for (let requests = random.between(1, 3); requests > 0; requests--) {
        bytes.push(oddRequest(random));
        connection.write(bytesOf(bytes.at(-1) ?? ""));
      }
      if (random.chance(0.3)) connection.socket.end();
      if (random.chance(0.3)) connection.destroy();
    }
    try {
      const { status, body } = await health(pair.control);
      const { count } = await pair.manager.status();
      if (status === 200 && count === pair.workers) return undefined;
      // A worker that another attack has ended is told by that.
      if (status === 503 && count === pair.workers) return undefined;
      return `after ${JSON.stringify(bytes).slice(0, 3_000)}\n  ${status} ${body}, count ${count}`;
    } catch (error) {
      return `after ${JSON.stringify(bytes).slice(0, 3_000)}\n  ${(error as Error).message}`;
    } finally {
      for (const connection of connections) connection.destroy();
    }
  },
};
