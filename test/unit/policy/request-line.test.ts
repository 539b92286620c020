import t from "tap";
import { type RequestLine, readRequestLine } from "../../../src/policy/request-line.js";
import { NodeHttpReading } from "../../helpers/node-http-reading.js";
import { Random } from "../../helpers/random.js";

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

/** Line, and what is routed by; the first line feed (or the first bad byte) completes it. */
const LINES: readonly [name: string, line: string, target: string][] = [
  ["a GET", "GET /socket.io/?EIO=4 HTTP/1.1\r\n", "/socket.io/?EIO=4"],
  ["a POST", "POST /socket.io/?sid=a%20b HTTP/1.0\r\n", "/socket.io/?sid=a%20b"],
  ["an absolute target", "GET http://h:1/x?sid=a HTTP/1.1\r\n", "http://h:1/x?sid=a"],
  ["an authority", "CONNECT h:443 HTTP/1.1\r\n", "h:443"],
  ["an asterisk", "OPTIONS * HTTP/1.1\r\n", "*"],
  ["a method with a dash", "M-SEARCH /x HTTP/1.1\r\n", "/x"],
  ["a method that starts with another tchar", "!#$%&'*+-.^_`|~ /x HTTP/1.1\r\n", "/x"],
  ["a method that starts with a digit", "1GET /x HTTP/1.1\r\n", "/x"],
  ["a fragment", "GET /x?a#b HTTP/1.1\r\n", "/x?a#b"],
  ["a CR LF in front", "\r\nGET /x HTTP/1.1\r\n", "/x"],
  ["many line ends in front", "\r\n\n\r\r\n\r\nGET /x HTTP/1.1\r\n", "/x"],
  ["a bare LF at the end", "GET /x HTTP/1.1\n", "/x"],
  ["bare LFs everywhere", "\n\nGET /x HTTP/1.1\n", "/x"],
  ["HTTP/0.9", "GET /x\r\n", "/x"],
  ["HTTP/0.9 with a bare LF", "GET /x\n", "/x"],
  ["HTTP/0.9 with a space at the end", "GET /x \r\n", "/x"],
  ["a method alone", "GET\r\n", ""],
  ["a method and a space", "GET \r\n", ""],
  ["one letter", "G\n", ""],
  ["bytes above ASCII", "GET /\xe9\xff?sid=\x80 HTTP/1.1\r\n", "/\xe9\xff?sid=\x80"],
  ["a word too many", "GET /x y HTTP/1.1\r\n", "/x"],
  ["a method that goes wrong later", "GE\x00T /x HTTP/1.1\r\n", "/x"],
  ["a target of 8,000 bytes", `GET /${"x".repeat(8_000)} HTTP/1.1\r\n`, `/${"x".repeat(8_000)}`],
];

/** What no HTTP request starts with. */
const GARBAGE: readonly [name: string, bytes: Buffer][] = [
  ["a TLS ClientHello", Buffer.from("16030100c2010000be0303", "hex")],
  ["SSLv2", Buffer.from("802e0103010015", "hex")],
  ["SOCKS 5", Buffer.from("050100", "hex")],
  ["a NUL", bytesOf("\0GET / HTTP/1.1\r\n")],
  ["a space", bytesOf(" GET / HTTP/1.1\r\n")],
  ["a tab", bytesOf("\tGET / HTTP/1.1\r\n")],
  ["a separator", bytesOf("(x")],
  ["a quote", bytesOf('"x')],
  ["a brace", bytesOf("{}")],
  ["a byte above ASCII", bytesOf("\xe9")],
  ["DEL", bytesOf("\x7f")],
  ["garbage after line ends", bytesOf("\r\n\r\n\x16\x03")],
];

/** Gives `bytes` in pieces, and goes on at `scanned` as the primary does. */
function feed(bytes: Uint8Array, size: () => number): { line: RequestLine; used: number } {
  let line: RequestLine = { state: "incomplete", scanned: 0 };
  let used = 0;
  while (used < bytes.length && line.state === "incomplete") {
    used = Math.min(used + size(), bytes.length);
    line = readRequestLine(bytes.subarray(0, used), line.scanned);
  }
  return { line, used };
}

t.test("a request line gives its target", async (t) => {
  for (const [name, line, target] of LINES) {
    t.strictSame(readRequestLine(bytesOf(line)), { state: "complete", target }, name);
  }
});

t.test("what follows the line changes nothing", async (t) => {
  const rest = bytesOf("Host: x\r\nReferer: /?sid=other HTTP/1.1\r\n\r\n{body}\n");
  for (const [name, line, target] of LINES) {
    const bytes = Buffer.concat([bytesOf(line), rest]);
    t.strictSame(readRequestLine(bytes), { state: "complete", target }, name);
  }
});

t.test("R3: a line that arrives byte by byte gives the same as one in one piece", async (t) => {
  for (const [name, text, target] of LINES) {
    const bytes = bytesOf(text);
    let scanned = 0;
    const wrong: unknown[] = [];
    for (let length = 0; length < bytes.length; length++) {
      // A prefix has to read the same for who goes on at `scanned` and for who starts again.
      const prefix = bytes.subarray(0, length);
      const [goneOn, fresh] = [readRequestLine(prefix, scanned), readRequestLine(prefix)];
      const good = goneOn.state === "incomplete" && fresh.state === "incomplete";
      if (!good || goneOn.scanned !== fresh.scanned) wrong.push({ length, goneOn, fresh });
      if (!good || goneOn.scanned < scanned || goneOn.scanned > length) wrong.push({ length });
      if (good) scanned = goneOn.scanned;
    }
    t.strictSame(wrong, [], `${name}: no prefix is complete`);
    t.strictSame(readRequestLine(bytes, scanned), { state: "complete", target }, name);
  }
});

t.test("R3: a line in pieces of any size gives the same", async (t) => {
  const random = new Random();
  for (const [name, text, target] of LINES) {
    const bytes = bytesOf(text);
    const seen: unknown[] = [];
    for (let round = 0; round < 20; round++) {
      seen.push(feed(bytes, () => random.between(1, 9)));
    }
    const expected = { line: { state: "complete", target }, used: bytes.length };
    t.strictSame(seen, new Array(20).fill(expected), `${name}, seed ${random.seed}`);
  }
});

t.test("what was scanned is not looked at again", async (t) => {
  const bytes = bytesOf("GET /a HTTP/1.1\nGET /b HTTP/1.1");
  t.same(readRequestLine(bytes, 16), { state: "incomplete", scanned: bytes.length });
});

t.test("garbage is complete at its first byte, and has no target", async (t) => {
  for (const [name, bytes] of GARBAGE) {
    t.strictSame(readRequestLine(bytes), { state: "complete", target: "" }, name);
    const start = bytes.findIndex((byte) => byte !== 10 && byte !== 13);
    const { line, used } = feed(bytes, () => 1);
    t.strictSame(line, { state: "complete", target: "" }, `${name}, byte by byte`);
    t.equal(used, start + 1, "which does not wait for a line end that may never come");
  }
});

t.test("each first byte is either a method's or garbage (RFC 9110, tchar)", async (t) => {
  const wrong: number[] = [];
  for (let byte = 0; byte < 256; byte++) {
    const isTchar = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte));
    const waits = readRequestLine(Uint8Array.of(byte)).state === "incomplete";
    if (waits !== (isTchar || byte === 10 || byte === 13)) wrong.push(byte);
  }
  t.strictSame(wrong, []);
});

t.test("nothing, and line ends only, are incomplete", async (t) => {
  t.strictSame(readRequestLine(new Uint8Array(0)), { state: "incomplete", scanned: 0 });
  t.strictSame(readRequestLine(bytesOf("\r\n\r\n")), { state: "incomplete", scanned: 4 });
});

t.test("bytes in the middle of a larger buffer", async (t) => {
  const line = bytesOf("GET /mine?sid=a HTTP/1.1\r\n");
  const around = bytesOf("GET /other HTTP/1.1\r\n");
  const larger = new Uint8Array(Buffer.concat([around, line, around]));
  const view = larger.subarray(around.length, around.length + line.length);
  t.strictSame(readRequestLine(view), { state: "complete", target: "/mine?sid=a" }, "Uint8Array");
  const cut = view.subarray(0, line.length - 1);
  t.equal(readRequestLine(cut).state, "incomplete", "the line end outside of it does not count");
  const pooled = Buffer.from(view.buffer, view.byteOffset, view.length);
  t.strictSame(readRequestLine(pooled), { state: "complete", target: "/mine?sid=a" }, "Buffer");
});

t.test("the bytes are left as they are", async (t) => {
  for (const [name, text] of LINES) {
    const bytes = bytesOf(text);
    readRequestLine(bytes);
    t.equal(bytes.toString("latin1"), text, name);
  }
});

t.test("R2: the target is what Node's HTTP server will see", async (t) => {
  const node = new NodeHttpReading();
  const random = new Random();
  const randomLine = () => {
    const target = random.text("/?&=#%+.:abs12id~", random.between(0, 20));
    const method = random.pick(["GET", "POST", "OPTIONS", "DELETE", "PUT", "get"]);
    const version = random.pick(["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1"]);
    return `${random.pick(["", "\r\n", "\n"])}${method} /${target} ${version}\r\n`;
  };
  const lines = [...LINES.map(([, line]) => line), ...Array.from({ length: 400 }, randomLine)];
  const wrong: unknown[] = [];
  let accepted = 0;
  for (const line of lines) {
    const url = await node.of(bytesOf(line));
    if (url === undefined) continue; // whoever gets it answers 400
    accepted++;
    const read = readRequestLine(bytesOf(line));
    if (read.state !== "complete" || read.target !== url) wrong.push({ line, url, read });
  }
  t.strictSame(wrong, [], `seed ${random.seed}`);
  t.ok(accepted > 100, `Node accepted ${accepted} of ${lines.length}`);
});

t.test("R2: several spaces in front of the target, which Node's parser skips", async (t) => {
  const line = bytesOf("GET   /x?sid=a HTTP/1.1\r\n");
  const url = await new NodeHttpReading().of(line);
  t.equal(url, "/x?sid=a");
  t.strictSame(readRequestLine(line), { state: "complete", target: url });
});
