import type { Random } from "../../helpers/random.js";
import type { Whose } from "../case.js";
import type { Header } from "./headers.js";
import { oddQuery } from "./requests.js";

const CHUNKED: Header = ["Transfer-Encoding", "chunked"];

interface Framed {
  headers: Header[];
  body: string;
}

/** `text` in chunks, with extensions and, if it may, trailers. */
export function chunked(random: Random, text: string, mayTrail = true): string {
  let body = "";
  for (let at = 0; at < text.length; ) {
    const size = random.between(1, Math.max(1, text.length - at));
    const extension = random.chance(0.2) ? random.pick([";a", ";a=b", ';a="\\""', "; a", ";"]) : "";
    const digits = random.chance(0.1) ? `000${size.toString(16)}` : size.toString(16);
    body += `${digits}${extension}\r\n${text.slice(at, at + size)}\r\n`;
    at += size;
  }
  const trailers =
    mayTrail && random.chance(0.25)
      ? random.pick([
          ...["X-T: 1\r\n", "Content-Length: 5\r\n", "Host: other\r\n", "bad\r\n", ": x\r\n"],
          ...["Transfer-Encoding: chunked\r\n", "x-supervisor-forwarded: {}\r\n", "a: \xff\r\n"],
        ])
      : "";
  return `${body}0\r\n${trailers}\r\n`;
}

const BAD_CHUNKS = [
  ...[
    "g\r\nx\r\n0\r\n\r\n",
    "FFFFFFFFFFFFFFFF\r\nx",
    "-1\r\n\r\n",
    "2\r\nabc\r\n0\r\n\r\n",
    "\r\n",
  ],
  ...[
    "5\nhello\n0\n\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
  ],
  ...[`5;${"e".repeat(17_000)}\r\nhello\r\n0\r\n\r\n`, "0\r\n", "10000000000000000\r\n", "5\r\nhe"],
];

/** Ways to say how long a body is: right ones, doubled ones, ones that contradict each other. */
const FRAMINGS: ((random: Random, body: string) => Framed)[] = [
  (random, body) => ({ headers: [CHUNKED], body: chunked(random, body) }),
  (random, body) => ({ headers: [CHUNKED], body: chunked(random, body) }),
  (random) => ({ headers: [CHUNKED], body: random.pick(BAD_CHUNKS) }),
  (random, body) => {
    const length = ["Content-Length", String(body.length + random.between(-3, 3))] as Header;
    const headers = random.chance(0.5) ? [length, CHUNKED] : [CHUNKED, length];
    return { headers, body: chunked(random, body) };
  },
  (random, body) => {
    const value = random.pick([
      ...[
        `+${body.length}`,
        `0${body.length}`,
        `${body.length} `,
        `${body.length}, ${body.length}`,
      ],
      ...["", "-1", "x", "1e1", "99999999999999999999", "0", `${body.length + 4}`, "1"],
    ]);
    return { headers: [["Content-Length", value]], body };
  },
  (random, body) => {
    const other = random.chance(0.5) ? body.length : body.length + random.between(1, 3);
    const headers: Header[] = [
      ["Content-Length", `${body.length}`],
      ["Content-Length", `${other}`],
    ];
    return { headers, body };
  },
  (random, body) => {
    const value = random.pick([
      ...["identity", "gzip", "gzip, chunked", "chunked, chunked", "chunked, gzip", "Chunked", ""],
      ...["\tchunked", "chunked ", "xchunked", '"chunked"', "chunked;q=1", ",chunked", "chunked,"],
    ]);
    return { headers: [["Transfer-Encoding", value]], body: chunked(random, body) };
  },
  (random, body) => ({ headers: [CHUNKED, CHUNKED], body: chunked(random, body) }),
  (random, body) => ({
    headers: [
      ["Expect", random.pick(["100-continue", "100-Continue", "x", ""])],
      ["Content-Length", `${body.length}`],
    ],
    body,
  }),
];

/** A POST whose framing is odd. Requests of others never begin inside of it (smuggling). */
export function oddlyFramed(random: Random, session: Whose): string {
  const length = random.pick([1, 5, 100, 5_000, 66_000, 90_000, 110_000]);
  const packet = random.chance(0.6) ? '42["echo","x"]' : `4${"x".repeat(length)}`;
  const body = random.chance(0.15) ? "GET /app?smuggled HTTP/1.1\r\nHost: x\r\n\r\n" : packet;
  const { headers, body: framed } = random.pick(FRAMINGS)(random, body);
  const method = random.chance(0.9) ? "POST" : random.pick(["GET", "PUT", "DELETE", "OPTIONS"]);
  const target = `/socket.io/?${oddQuery(random, session, "polling")}`;
  const all = [["Host", "localhost"], ["Content-Type", "text/plain"], ...headers] as Header[];
  const lines = all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method} ${target} HTTP/1.1\r\n${lines}\r\n${framed}`;
}
