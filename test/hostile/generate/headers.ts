import type { Random } from "../../helpers/random.js";

export type Header = [name: string, value: string];

/** Names that mean something to somebody on the way, or look as if they did. */
const NAMES = [
  ...["Connection", "Host", "Upgrade", "Content-Length", "Transfer-Encoding", "Expect", "Origin"],
  ...["Cookie", "Accept-Encoding", "TE", "Trailer", "Keep-Alive", "Proxy-Connection", "Via"],
  ...["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Max-Forwards"],
  ...["Sec-WebSocket-Extensions", "HTTP2-Settings", "X-Forwarded-For", "X-Forwarded-Proto"],
  ...["Forwarded", "Access-Control-Request-Method", "Access-Control-Request-Headers", "Referer"],
  ...["Content-Type", "Content-Encoding", "If-None-Match", "Authorization", "Range", "Date"],
  ...["X-Supervisor-Forwarded", "x-supervisor-forwarded", "X-Supervisor-Not-Here"],
  ...["X-Supervisor-Envelope", "X-Http-Method-Override", "__proto__", "constructor", "toString"],
  ...["hasOwnProperty", "X", "x".repeat(300), "!#$%&'*+-.^_`|~", "Set-Cookie", "Location", "0"],
];

const BROKEN_NAMES = ["", " ", "a b", "a\0b", "\xe9", "a:b", "\x7f", "a(b)", ":path", "\tX", "X\t"];

const VALUES = [
  ...["", " ", "x", "close", "keep-alive", "upgrade", "Upgrade, Host", "host", "x-forwarded-for"],
  ...["content-length", "keep-alive, X-Tail, origin", "x-supervisor-forwarded", ",,,", "chunked"],
  ...["identity", "gzip, chunked", "100-continue", "trailers", "websocket", "h2c", "websocket, x"],
  ...["0", "-1", "+5", "5, 5", "1e3", "0x10", "18446744073709551616", "13", "http://a.example"],
  ...["null", "{}", '{"server":"","client":{}}', "gzip, deflate, br", "127.0.0.1", "::1", "*"],
  ...["\xe9\xff\x80", "\x7f", "a\tb", "caf\xc3\xa9", '"quoted\\"', "a;b=c", "%00%ff", "__proto__"],
  ...["permessage-deflate; client_max_window_bits", "dGhlIHNhbXBsZSBub25jZQ==", "bytes=0-1"],
];

const BROKEN_VALUES = ["a\0b", "\x01\x02", "a\r\n b", "a\rb", "a\nb", "\x1f", "a\r\nb"];

const lettersOf = (random: Random): string => random.text("aB3-_.~\xe9\xff\x7f ,;=\"'/", 12);

export function oddName(random: Random): string {
  if (random.chance(0.06)) return random.pick(BROKEN_NAMES);
  const name = random.pick(NAMES);
  if (random.chance(0.2)) return name.toLowerCase();
  return random.chance(0.1) ? name.toUpperCase() : name;
}

export function oddValue(random: Random): string {
  if (random.chance(0.06)) return random.pick(BROKEN_VALUES);
  if (random.chance(0.1)) return lettersOf(random);
  if (random.chance(0.03)) return "v".repeat(random.between(1_000, 18_000));
  return random.pick(VALUES);
}

/** Counts at which tables, arrays or limits of HTTP parsers end. */
const COUNTS = [10, 100, 900, 995, 996, 997, 998, 999, 1_000, 1_001, 1_500, 1_990, 1_999, 2_000];
const LARGE_COUNTS = [2_001, 2_050, 3_000];

/** Sizes about those of a whole head that Node takes (16 KiB). */
const SIZES = [
  4_000, 8_000, 12_000, 15_000, 15_800, 16_000, 16_200, 16_384, 17_000, 33_000, 70_000,
];

function many(random: Random): Header[] {
  const count = random.chance(0.2) ? random.pick(LARGE_COUNTS) : random.pick(COUNTS);
  const name = random.pick(["a", "x", "X-A", "Cookie", "Host"]);
  return Array.from({ length: count }, (): Header => [name, ""]);
}

/** What is done to the headers of a request that was right. */
const CHANGES: ((random: Random, headers: Header[]) => Header[])[] = [
  (random, headers) => [...headers, [oddName(random), oddValue(random)]],
  (random, headers) => [[oddName(random), oddValue(random)], ...headers],
  // Doubled, with another value or the same.
  (random, headers) => {
    const [name, value] = random.pick(headers);
    return [...headers, [name, random.chance(0.4) ? value : oddValue(random)]];
  },
  (random, headers) => {
    const dropped = random.pick(headers);
    return headers.filter((header) => header !== dropped);
  },
  (random, headers) => {
    const at = random.between(0, headers.length - 1);
    return headers.map(([name, value], n): Header => [name, n === at ? oddValue(random) : value]);
  },
  // What a proxy has to leave behind, if it is named.
  (random, headers) => {
    const names = [...headers.map(([name]) => name), "x-forwarded-for", "X-Tail", "close"];
    const named = Array.from({ length: random.between(1, 3) }, () => random.pick(names));
    return [...headers, ["Connection", named.join(random.pick([",", ", ", " ,\t"]))]];
  },
  (random, headers) => [...headers, ["X-Forwarded-For", random.pick(["1.2.3.4", "unknown", "::"])]],
];

/** A few changes in a row; sometimes so many headers, or such long ones, that limits are near. */
export function changeHeaders(random: Random, headers: Header[]): Header[] {
  let changed: Header[] = headers;
  for (let left = random.between(0, 3); left > 0; left--) {
    changed = random.pick(CHANGES)(random, changed.length > 0 ? changed : headers);
  }
  if (random.chance(0.12)) changed = [...changed, ...many(random)];
  if (random.chance(0.06)) changed = [...changed, ["X-Long", "l".repeat(random.pick(SIZES))]];
  return changed;
}
