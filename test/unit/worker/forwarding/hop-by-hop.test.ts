import t from "tap";
import { endToEndHeaders } from "../../../../src/worker/forwarding/hop-by-hop.js";

const HOP_BY_HOP = [
  ...["Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer"],
  ...["Transfer-Encoding", "Upgrade", "Proxy-Connection", "HTTP2-Settings", "Expect"],
];

t.test("what belongs to one connection stays behind, in whatever case", async (t) => {
  for (const name of HOP_BY_HOP) {
    for (const written of [name, name.toLowerCase(), name.toUpperCase()]) {
      t.strictSame(endToEndHeaders(["A", "1", written, "x", "B", "2"]), ["A", "1", "B", "2"], name);
    }
  }
});

t.test("everything else passes as it was written: names, values, order, repeats", async (t) => {
  const headers = [
    ...["Host", "example.org", "COOKIE", "a=1; b=2", "set-cookie", "x", "Set-Cookie", "y"],
    ...["Content-Length", "5", "X-Empty", "", "Sec-WebSocket-Key", "dGhlIHNhbXBsZQ=="],
    ...["Sec-WebSocket-Extensions", "permessage-deflate", "X-Forwarded-For", "1.2.3.4"],
    ...["Origin", "http://h", "Upgrade-Insecure-Requests", "1", "Connection-Id", "7"],
  ];
  t.strictSame(endToEndHeaders(headers), headers);
  t.strictSame(endToEndHeaders([]), []);
});

t.test("a value that reads like a header's name is no header", async (t) => {
  const headers = ["X-About", "connection", "X-More", "upgrade", "Vary", "te"];
  t.strictSame(endToEndHeaders(headers, "close"), headers);
});

t.test("what the Connection header names stays behind, too", async (t) => {
  const headers = ["X-Trace", "1", "x-other", "2", "X-Kept", "3"];
  t.strictSame(endToEndHeaders(headers, "x-trace"), ["x-other", "2", "X-Kept", "3"]);
  t.strictSame(endToEndHeaders(headers, "close, X-TRACE ,\tX-Other"), ["X-Kept", "3"]);
  t.strictSame(endToEndHeaders(headers, "keep-alive"), headers);
  t.strictSame(endToEndHeaders(headers, ""), headers);
  t.strictSame(endToEndHeaders(headers, " , ,"), headers);
  t.strictSame(endToEndHeaders(headers), headers);
});

t.test("an upgrade's own headers are left to who sends them anew", async (t) => {
  const headers = ["Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13"];
  t.strictSame(endToEndHeaders(headers, "Upgrade"), ["Sec-WebSocket-Version", "13"]);
});

t.test("the list that came in is left alone", async (t) => {
  const headers = Object.freeze(["Connection", "close", "A", "1"]);
  t.doesNotThrow(() => endToEndHeaders(headers, "close"));
  t.equal(headers.length, 4);
});

t.test(
  "R10: what one worker tells another about a request is never taken from a client",
  async (t) => {
    const headers = ["A", "1", "X-Supervisor-Forwarded", "boo", "x-supervisor-forwarded", "{}"];
    t.strictSame(endToEndHeaders(headers), ["A", "1"]);
  },
);
