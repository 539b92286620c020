import type { Random } from "../../helpers/random.js";
import { type Case, OTHER_SID, randomFor, SENTINEL, SID, type Step, type Whose } from "../case.js";
import { chunked, oddlyFramed } from "./framing.js";
import { bytesOfRequest, oddFrame, oddRequest, right, upgradeRequest } from "./requests.js";

const SESSIONS: readonly Whose[] = ["none", "own", "foreign", "foreign", "foreign", "unknown"];

interface Draft {
  connection?: Case["connection"];
  session: Whose;
  steps: Step[];
  compares?: boolean;
}

const send = (bytes: string): Step => ({ do: "send", bytes });

/** How bytes come: mostly at once, sometimes in pieces. */
function sent(random: Random, bytes: string): Step {
  if (bytes.length > 20_000 || random.chance(0.85)) return send(bytes);
  return { do: "slowly", bytes, pieces: random.between(2, 12) };
}

function heads(random: Random): Draft {
  const session = random.pick(SESSIONS);
  const bytes = bytesOfRequest(random, oddRequest(random, session));
  return { session, steps: [sent(random, bytes + SENTINEL)] };
}

function framing(random: Random): Draft {
  const session = random.pick(SESSIONS);
  return { session, steps: [sent(random, oddlyFramed(random, session) + SENTINEL)] };
}

function upgrades(random: Random): Draft {
  const session = random.pick(SESSIONS);
  let bytes = bytesOfRequest(random, upgradeRequest(random, session));
  if (random.chance(0.6)) bytes += oddFrame(random);
  const steps = [sent(random, bytes)];
  if (random.chance(0.3)) steps.push({ do: "wait", ms: 5 }, send(oddFrame(random)));
  // A WebSocket says nothing by itself: the end of this side ends the wait.
  steps.push({ do: "wait", ms: 30 }, random.chance(0.5) ? { do: "end" } : send("\x88\x80\0\0\0\0"));
  return { session, steps };
}

/**
 * Several requests at once, for several sessions. Of each session there is one POST and one GET at
 * the most: Engine.IO takes two of a kind for an error, and then closes the connection.
 */
function pipelines(random: Random): Draft {
  const session = random.pick<Whose>(["own", "foreign", "foreign"]);
  const headers = "Host: localhost\r\nContent-Type: text/plain\r\n";
  const requests = [SID, OTHER_SID].flatMap((sid) => {
    const line = `/socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\n`;
    const body = `42["nobody","${"x".repeat(random.pick([1, 70_000, 90_000]))}"]`;
    return [
      `GET ${line}Host: localhost\r\n\r\n`,
      random.chance(0.5)
        ? `POST ${line}${headers}Content-Length: ${body.length}\r\n\r\n${body}`
        : `POST ${line}${headers}Transfer-Encoding: chunked\r\n\r\n${chunked(random, body, false)}`,
    ];
  });
  for (let left = random.between(0, 4); left > 0; left--) {
    const other = random.pick<Whose>(["none", "unknown"]);
    const request = bytesOfRequest(random, { ...right(random, other), method: "GET", body: "" });
    requests.push(random.chance(0.5) ? request : SENTINEL.replace("/sentinel", "/app"));
  }
  const order = requests.sort(() => random.next() - 0.5).slice(0, random.between(2, 8));
  return { session, steps: [sent(random, order.join("") + SENTINEL)] };
}

/** A client that ends, or breaks, at any point. */
function endings(random: Random): Draft {
  const session = random.pick(SESSIONS);
  const request = random.chance(0.7) ? right(random, session) : upgradeRequest(random, session);
  const bytes = bytesOfRequest(random, request);
  const cut = random.chance(0.2) ? bytes.length : random.between(0, bytes.length);
  const isReset = random.chance(0.5);
  const steps: Step[] = cut === 0 ? [] : [sent(random, bytes.slice(0, cut))];
  if (random.chance(0.4)) steps.push({ do: "wait", ms: random.between(0, 20) });
  steps.push({ do: isReset ? "reset" : "end" });
  return { session, steps, compares: !isReset };
}

/** Bytes that are no HTTP, or only look like it. */
function garbage(random: Random): Draft {
  const any = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join("");
  const start = random.pick([
    "",
    "GET ",
    "\x16\x03\x01",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\r\n",
  ]);
  const session = random.pick<Whose>(["none", "foreign"]);
  if (random.chance(0.4)) {
    return { session, steps: [send(start + random.text(any, random.between(1, 300)))] };
  }
  // A right request with a few bytes changed.
  const letters = [...bytesOfRequest(random, right(random, session))];
  for (let left = random.between(1, 4); left > 0; left--) {
    letters[random.between(0, letters.length - 1)] = random.pick([...any]);
  }
  return { session, steps: [send(letters.join("") + SENTINEL)] };
}

export const RAW_AREAS = { heads, framing, upgrades, pipelines, endings, garbage };

export type RawArea = keyof typeof RAW_AREAS;

export function makeCase(seed: number, area: RawArea, number: number, prefix = ""): Case {
  const id = `${prefix}${area}:${number}`;
  const random = randomFor(seed, id);
  const connection = random.chance(0.7) ? "kept" : "fresh";
  return { id, connection, compares: true, ...RAW_AREAS[area](random) };
}
