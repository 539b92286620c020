import t from "tap";
import { answerHeaders, http2Headers } from "../../../../src/worker/forwarding/answer-headers.js";

t.test("how an answer is framed between the workers stays there, in whatever case", async (t) => {
  for (const name of ["Connection", "Keep-Alive", "Trailer", "Transfer-Encoding"]) {
    for (const written of [name, name.toLowerCase(), name.toUpperCase()]) {
      t.strictSame(answerHeaders(["A", "1", written, "x", "B", "2"]), ["A", "1", "B", "2"], name);
    }
  }
});

t.test("everything else passes as it was written: names, values, order, repeats", async (t) => {
  const headers = [
    "set-cookie",
    "x",
    "Set-Cookie",
    "y",
    "Content-Length",
    "5",
    "X-Empty",
    "",
    "Proxy-Authenticate",
    "Basic",
    "Upgrade",
    "h2c",
    "Vary",
    "te",
    "X-About",
    "connection",
  ];
  t.strictSame(answerHeaders(headers), headers);
  t.strictSame(answerHeaders([]), []);
});

t.test("HTTP/2 gets no header that it does not know, and repeats as a list", async (t) => {
  const headers = ["Upgrade", "h2c", "Set-Cookie", "x", "set-cookie", "y", "TE", "a", "A", "1"];
  t.strictSame(http2Headers([...headers, "Connection", "close"]), {
    "set-cookie": ["x", "y"],
    a: ["1"],
  });
});

t.test("the list that came in is left alone", async (t) => {
  const headers = Object.freeze(["Connection", "close", "A", "1"]);
  t.doesNotThrow(() => answerHeaders(headers));
  t.doesNotThrow(() => http2Headers(headers));
});
