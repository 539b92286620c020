import type { Random } from "../../helpers/random.js";
import { SID, type Whose } from "../case.js";
import { changeHeaders, type Header } from "./headers.js";

const METHODS = ["GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "CONNECT", "TRACE"];
const ODD_METHODS = [
  "get",
  "PRI",
  "M-SEARCH",
  "SOURCE",
  "QUERY",
  "G\0T",
  "",
  "A".repeat(60),
  "\xe9",
];
const ODD_VERSIONS = ["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "http/1.1", "HTTP/1.1 ", ""];
const EIO = ["4", "4", "4", "3", "5", "0", "", "abc", "4&EIO=3", "%34", "NaN", "-1"];
const PATHS = [
  ...["/socket.io/", "/socket.io/", "/socket.io", "/socket.io/x/", "//socket.io/", "/SOCKET.IO/"],
  ...["http://localhost/socket.io/", "http://other.example:99/socket.io/", "/socket.io/%2e%2e/"],
  ...["/app", "/socket.io/../app", "*", "localhost:80", "/socket.io/;a=b", "/nowhere", "/%"],
];
const QUERY_PARTS = [
  ...["j=0", "b64=1", "t=abc", "sid=", "sid[]=x", "sid[a]=x", "sid=%00", "sid=%ff", "%73id=x"],
  ...["__proto__=x", "__proto__[sid]=x", "constructor=x", "sid=x", "a=b=c", "=", "&&", "transport"],
  ...[
    "transport=websocket",
    "transport[]=polling",
    "EIO[]=4",
    "sid=a%26sid%3Db",
    "x=%",
    "+",
    "\xe9",
  ],
  ...["sid=__proto__", "sid=constructor", "sid=nobody", `sid=${"x".repeat(900)}`, "?", "%E0%A4%A"],
];

/** The query of a session's requests, with changes. */
export function oddQuery(random: Random, session: Whose, transport: string): string {
  const parts = [`EIO=${random.chance(0.85) ? "4" : random.pick(EIO)}`, `transport=${transport}`];
  if (session === "unknown") parts.push("sid=unknownunknown123456");
  if (random.chance(0.25)) parts.push(random.pick(QUERY_PARTS));
  // Engine.IO takes the last of several.
  if (session === "own" || session === "foreign") parts.push(`sid=${SID}`);
  if (random.chance(0.08)) parts.push(random.pick(QUERY_PARTS));
  if (random.chance(0.1)) parts.reverse();
  return parts.join("&");
}

export interface Request {
  method: string;
  target: string;
  version: string;
  headers: Header[];
  body: string;
}

const PACKETS = [
  ...['42["echo","x"]', '420["echo","x"]', "2", "3", "6", "4", "40", "41", "", "1", "7", "b", "4x"],
  ...['42["echo",{"_placeholder":true,"num":0}]', '451-["echo",{"_placeholder":true,"num":0}]'],
  ...["bAAEC", "40/nowhere,", '42["__proto__"]', "42[]", "42null", "x".repeat(2_000), "4\xe9\xff"],
  ...['42["echo","a"]\x1e42["echo","b"]', "\x1e\x1e", '10:42["echo"]', "43[]", "43999[1]", "44{}"],
  ...["y".repeat(70_000), "y".repeat(99_000), "y".repeat(100_001), "y".repeat(300_000)],
];

export function right(random: Random, session: Whose): Request {
  const method = session === "none" || random.chance(0.5) ? "GET" : "POST";
  const body = method === "POST" ? random.pick(PACKETS) : "";
  return {
    method,
    target: `/socket.io/?${oddQuery(random, session, "polling")}`,
    version: "HTTP/1.1",
    headers: [
      ["Host", "localhost"],
      ["Accept", "*/*"],
      ...(random.chance(0.3) ? [["Origin", "http://a.example"] as Header] : []),
      ...(method === "POST"
        ? [
            ["Content-Type", "text/plain;charset=UTF-8"] as Header,
            ["Content-Length", String(body.length)] as Header,
          ]
        : []),
    ],
    body,
  };
}

/** A request, changed in its line and its headers. */
export function oddRequest(random: Random, session: Whose): Request {
  const request = right(random, session);
  if (random.chance(0.1)) request.method = random.pick(METHODS);
  if (random.chance(0.02)) request.method = random.pick(ODD_METHODS);
  if (random.chance(0.04)) request.version = random.pick(ODD_VERSIONS);
  if (random.chance(0.1)) {
    request.target = request.target.replace("/socket.io/", random.pick(PATHS));
  }
  request.headers = changeHeaders(random, request.headers);
  return request;
}

export function upgradeRequest(random: Random, session: Whose): Request {
  const headers: Header[] = [
    ["Host", "localhost"],
    ["Connection", random.pick(["Upgrade", "Upgrade", "keep-alive, Upgrade", "upgrade"])],
    ["Upgrade", random.chance(0.9) ? "websocket" : random.pick(["h2c", "WebSocket", "", "a, b"])],
    ["Sec-WebSocket-Version", random.chance(0.95) ? "13" : random.pick(["12", "", "x"])],
    ["Sec-WebSocket-Key", random.chance(0.95) ? "dGhlIHNhbXBsZSBub25jZQ==" : "short"],
  ];
  return {
    method: random.chance(0.97) ? "GET" : random.pick(METHODS),
    target: `/socket.io/?${oddQuery(random, session, "websocket")}`,
    version: random.chance(0.98) ? "HTTP/1.1" : random.pick(ODD_VERSIONS),
    headers: random.chance(0.7) ? changeHeaders(random, headers) : headers,
    body: "",
  };
}

export function bytesOfRequest(random: Random, request: Request): string {
  const colon = random.chance(0.9) ? ": " : random.pick([":", " : ", ":\t", ":   "]);
  const end = random.chance(0.98) ? "\r\n" : random.pick(["\n", "\r", "\r\r\n"]);
  const lines = request.headers.map(([name, value]) => `${name}${colon}${value}${end}`);
  const { method, target, version, body } = request;
  return `${method} ${target} ${version}${end}${lines.join("")}${end}${body}`;
}

/** A client's frame of a WebSocket, masked with zeros; odd ones among them. */
export function oddFrame(random: Random): string {
  const text = random.pick([
    "2probe",
    "5",
    "2",
    "40",
    '42["echo","x"]',
    "",
    "\xff",
    "z".repeat(120),
  ]);
  const first = random.chance(0.8) ? 0x81 : random.pick([0x80, 0x82, 0x88, 0x89, 0x01, 0xc1, 0xff]);
  const mask = random.chance(0.9) ? 0x80 : 0;
  return `${String.fromCharCode(first, mask | text.length)}${mask ? "\0\0\0\0" : ""}${text}`;
}
