import { once } from "node:events";
import {
  type ClientHttp2Session,
  connect,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import type { Random } from "../../helpers/random.js";
import { answersIn, describeOutcome, difference, type Outcome } from "../answers.js";
import { type Case, randomFor, SID, type Whose } from "../case.js";
import { oddName, oddValue } from "../generate/headers.js";
import { right } from "../generate/requests.js";
import { withSession } from "../play.js";
import { freshAddress, type Pair, type Target } from "../targets.js";
import type { Area } from "./area.js";

const PATIENCE = [1_500, 6_000];

interface Exchange {
  headers: OutgoingHttpHeaders;
  body: string;
}

/** A request as HTTP/2 can carry it: other bytes in paths and values than HTTP/1 allows. */
function exchangeOf(random: Random, session: Whose): Exchange {
  const { method, target, headers, body } = right(random, session);
  const all: OutgoingHttpHeaders = {
    ":method": method,
    ":path": target,
    ":authority": "localhost",
  };
  const own = headers.filter(([name]) => name !== "Host");
  for (const [name, value] of own) all[name.toLowerCase()] = value;
  for (let left = random.between(0, 3); left > 0; left--) {
    const name = oddName(random).toLowerCase();
    all[name] = random.chance(0.2) ? [oddValue(random), oddValue(random)] : oddValue(random);
  }
  if (random.chance(0.15)) all[":path"] = `${target}&x=${random.pick(["é", "\x7f", "a b", "ü%"])}`;
  if (random.chance(0.1)) all[":authority"] = random.pick(["\xe9", "a b", "", "x:99", "a@b"]);
  if (random.chance(0.1)) all.host = random.pick(["other", "\x7f"]);
  if (random.chance(0.1)) all[":method"] = random.pick(["PUT", "OPTIONS", "M-SEARCH", "x", "HEAD"]);
  if (random.chance(0.1)) {
    for (let n = 0; n < random.pick([100, 995, 998, 1_100]); n++) all[`x-${n}`] = "";
  }
  return { headers: all, body };
}

async function ask(session: ClientHttp2Session, { headers, body }: Exchange, patience: number) {
  const stream = session.request(headers, {
    signal: AbortSignal.timeout(patience),
    endStream: body === "",
  });
  let head = "no response";
  let text = "";
  stream.once("response", (answer) => {
    const lines = Object.entries(answer).filter(([name]) => name !== ":status" && name !== "date");
    head = `HTTP/1.1 ${answer[":status"]} \r\n${lines.map(([n, v]) => `${n}: ${v}`).join("\r\n")}`;
  });
  stream.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
  });
  stream.on("error", (error: Error & { code?: string }) => {
    // What a client cancels itself tells nothing.
    if (head === "no response" && error.name !== "AbortError") head = `no response: ${error.code}`;
  });
  const closed = once(stream, "close");
  if (body !== "") stream.end(body);
  await closed.catch(() => {}); // told by "error"
  return Buffer.from(`${head}\r\n\r\n${text}`, "latin1");
}

async function playOn(
  target: Target,
  item: Case,
  exchange: Exchange,
  patience: number,
  localAddress: string,
): Promise<Outcome> {
  // Node's types leave out the options of the connection itself.
  const options: SecureClientSessionOptions & { localAddress: string } = {
    rejectUnauthorized: false,
    localAddress,
  };
  const session = connect(target.url, options);
  session.on("error", () => session.destroy()); // its streams tell
  try {
    const pid = { headers: { ":path": "/pid" }, body: "" };
    const here = Number((await ask(session, pid, 10_000)).toString().split("\r\n\r\n")[1]);
    return await withSession(target, item, here, async (sid): Promise<Outcome> => {
      const path = String(exchange.headers[":path"]).replace(SID, sid);
      const filled = { ...exchange, headers: { ...exchange.headers, ":path": path } };
      const answer = await ask(session, filled, patience);
      return { answers: answersIn(answer, sid === "" ? [] : [sid]), isClosed: session.destroyed };
    });
  } finally {
    session.destroy();
  }
}

async function attack(pair: Pair, item: Case, exchange: Exchange): Promise<string | undefined> {
  let found: string | undefined;
  for (const patience of PATIENCE) {
    let outcomes: [Outcome, Outcome];
    const localAddress = freshAddress();
    try {
      outcomes = await Promise.all([
        playOn(pair.plain, item, exchange, patience, localAddress),
        playOn(pair.cluster, item, exchange, patience, localAddress),
      ]);
    } catch (error) {
      // Node's own client refuses to send some of this.
      if ((error as { code?: string }).code?.match(/^ERR_(HTTP|INVALID)/)) return undefined;
      throw error;
    }
    const what = difference(...outcomes);
    if (what === undefined) return undefined;
    found =
      `${what} differ\n  ${item.id} (session: ${item.session}) ` +
      `${JSON.stringify(exchange).slice(0, 2_000)}\n  plain\n    ` +
      `${describeOutcome(outcomes[0])}\n  cluster\n    ${describeOutcome(outcomes[1])}`;
  }
  return found;
}

export const http2Area: Area = {
  name: "http2",
  secure: true,
  atOnce: 8,
  attack(field, number) {
    const id = `http2:${number}`;
    const random = randomFor(field.seed, id);
    const session = random.pick<Whose>(["foreign", "foreign", "foreign", "own", "none", "unknown"]);
    const item: Case = { id, session, connection: "kept", steps: [], compares: true };
    return attack(field.pair, item, exchangeOf(random, session));
  },
};
