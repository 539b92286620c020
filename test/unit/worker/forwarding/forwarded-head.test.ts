import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import t, { type Test } from "tap";
import { get, head, post, RawConnection } from "../../../helpers/raw.js";
import { type TwoWorkers, twoWorkers } from "../../../helpers/two-workers.js";

const TARGET = "/socket.io/?EIO=4&transport=polling&sid=mine";
const many = (count: number, name = "x"): string =>
  Array.from({ length: count }, (_, n) => `${name}-${n}: ${n}\r\n`).join("");
const raw = (method: string, target: string, lines: string, version = "1.1"): string =>
  `${method} ${target} HTTP/${version}\r\n${lines}\r\n`;
const UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

/** Heads that a server accepts, though few clients would send them. */
const HEADS: Record<string, string> = {
  "a simple one": get(TARGET, { "X-Mine": "1" }),
  "998 headers": raw("GET", TARGET, `Host: a\r\n${many(998)}`),
  "1,000 headers": raw("GET", TARGET, `Host: a\r\n${many(1_000)}`),
  "1,200 headers, of which Node counts 1,000": raw("GET", TARGET, `Host: a\r\n${many(1_200, "y")}`),
  "two hosts": raw("GET", TARGET, "Host: a\r\nHost: b\r\n"),
  "no host, HTTP/1.0": raw("GET", TARGET, "", "1.0"),
  "X-Forwarded-For is named by Connection": get(TARGET, {
    Connection: "x-forwarded-for, keep-alive",
    "X-Forwarded-For": "1.2.3.4",
  }),
  "Host is named by Connection": get(TARGET, { Connection: "host" }),
  "headers of proxies": get(TARGET, {
    "Proxy-Authorization": "Basic eA==",
    TE: "trailers",
    "Keep-Alive": "timeout=5",
    "Proxy-Connection": "close",
    "HTTP2-Settings": "AA",
    Trailer: "x",
    Upgrade: "h2c",
  }),
  "Latin-1": raw("GET", TARGET, "Host: \xe9\r\nX: \x80\xff\r\nCookie: \xe4=\xf6\r\n"),
  "an empty value, tabs and quotes": raw("GET", TARGET, 'Host:\r\nX:\t"a\\"\tb \r\nY: \r\n'),
  "headers that come twice": raw(
    ...(["GET", TARGET] as const),
    "Host: a\r\nCookie: a=1\r\nCookie: b=2\r\nX: 1\r\nx: 2\r\nAge: 1\r\nAge: 2\r\n",
  ),
  "names of objects": raw("GET", TARGET, "Host: a\r\n__proto__: x\r\nconstructor: y\r\n"),
  "the headers of the envelope itself": get(TARGET, {
    "X-Supervisor-Client": "{}",
    "X-Supervisor-Request": "[]",
  }),
  "a query that is no text": get(`${TARGET}&x=%ff%00%&sid=mine`),
  "a target that is quoted": raw("GET", `${TARGET}&x="\\{}|^\``, "Host: a\r\n"),
  "another method": head("PROPFIND", TARGET),
  OPTIONS: head("OPTIONS", TARGET, { Origin: "http://x" }),
  "a handshake": get("/socket.io/?EIO=4&transport=polling", { Origin: "null" }),
  "a body": post(TARGET, "hello"),
  "a body in chunks": `${raw(
    ...(["POST", TARGET] as const),
    "Host: a\r\nTransfer-Encoding: chunked\r\n",
  )}5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n`,
  "a body that waits to be asked for": post(TARGET, "hello", { Expect: "100-continue" }),
  "GET with a body that does not come": get(TARGET, { "Content-Length": 5 }),
  "an upgrade": raw("GET", TARGET, `Host: a\r\n${UPGRADE}`),
  "an upgrade with 998 headers": raw("GET", TARGET, `Host: a\r\n${UPGRADE}${many(998)}`),
  "an upgrade with headers named by Connection": raw(
    ...(["GET", TARGET] as const),
    "Host: a\r\nConnection: upgrade, host, x-forwarded-for\r\nUpgrade: \xff\r\nX-Forwarded-For: 1\r\n",
  ),
  "an upgrade with POST": raw("POST", TARGET, `Host: a\r\nContent-Length: 0\r\n${UPGRADE}`),
};

/** The answer of a server on `port`; what belongs to one connection has a name instead. */
async function answer(t: Test, port: number, request: string): Promise<Record<string, unknown>> {
  const client = await RawConnection.open(port);
  t.teardown(() => client.destroy());
  const { localPort } = client.socket;
  client.write(Buffer.from(request, "latin1"));
  let response = await client.response();
  if (response.status === 100) response = await client.response();
  const length = Number(response.headers["x-bytes"] ?? response.headers["content-length"]);
  const text = Buffer.from(response.body);
  const told = response.status === 200 ? JSON.parse(text.subarray(0, length).toString()) : {};
  if (told.port === localPort) told.port = "the client's own";
  return { status: response.status, ...told, body: text.subarray(length).toString() };
}

t.test("R9, B1: whatever the front accepts, the owner sees as if it had come there", async (t) => {
  const servers = await twoWorkers(t);
  for (const [name, request] of Object.entries(HEADS)) {
    const expected = await answer(t, servers.plainPort, request);
    t.equal(expected.status, 200, `${name}: a plain server takes it`);
    t.equal(expected.port, "the client's own");
    // As text: a property named __proto__ makes the comparison of objects think twice.
    t.equal(JSON.stringify(await answer(t, servers.port, request)), JSON.stringify(expected), name);
  }
});

t.test("R9: so it is with options of the application's server", async (t) => {
  const options = { maxHeaderSize: 400_000, joinDuplicateHeaders: true, requireHostHeader: false };
  const servers = await twoWorkers(t, {}, () => {
    const server = createServer(options);
    server.maxHeadersCount = 3;
    return server;
  });
  const big = { "X-Big": "\xff".repeat(300_000) };
  for (const request of [get(TARGET, big), raw("GET", TARGET, "Age: 1\r\nAge: 2\r\n"), HEADS.a]) {
    if (request === undefined) continue;
    t.strictSame(
      await answer(t, servers.port, request),
      await answer(t, servers.plainPort, request),
    );
  }
  t.match(await answer(t, servers.port, raw("GET", TARGET, "Age: 1\r\nAge: 2\r\n")), {
    headers: { age: "1, 2" },
  });
});

t.test("B1: what is too large to be forwarded gets 502, and the worker goes on", async (t) => {
  const servers = await twoWorkers(t, {}, () => createServer({ maxHeaderSize: 8_000_000 }));
  const big = `Host: a\r\nX-Big: ${"x".repeat(5_000_000)}\r\n`;
  for (const lines of [big, `${big}${UPGRADE}`]) {
    const response = await answer(t, servers.port, raw("GET", TARGET, lines));
    t.equal(response.status, 502);
  }
  t.equal((await answer(t, servers.port, get(TARGET))).status, 200);
});

t.test("B1: a target that is no URL ends nobody", async (t) => {
  const servers = await twoWorkers(t);
  t.equal((await answer(t, servers.port, get("//[?sid=mine"))).status, 200, "a handshake");
});

/** What comes on a gateway's socket as it is; the answer's first line. */
async function onGateway({ gateway }: TwoWorkers, request: string): Promise<string | undefined> {
  const socket = connect(gateway).setEncoding("latin1");
  await once(socket, "connect");
  let received = "";
  socket.on("data", (text) => {
    received += text;
  });
  socket.write(Buffer.from(request, "latin1"));
  await once(socket, "end");
  socket.destroy();
  return received.split("\r\n")[0];
}

t.test("B1: a gateway refuses whatever has no envelope, or a broken one", async (t) => {
  const servers = await twoWorkers(t);
  const envelope = (client: string, request: string): string =>
    `X-Supervisor-Client: ${client}\r\nX-Supervisor-Request: ${request}\r\n`;
  const proper = '["/x","GET","/","1.1",["A","1"],2,false]';
  const broken = [
    "",
    envelope("", ""),
    envelope("{", "["),
    envelope("null", proper),
    envelope("1", proper),
    envelope("{}", "null"),
    envelope("{}", "{}"),
    envelope("{}", "[]"),
    ...[
      '["/x","GET","/","1.1",["A"],1,false]',
      '["/x","GET","/","1.1",["A",1],2,false]',
      '["/x","GET","/","1.1",["A","1"],4,false]',
      '["/x","GET","/","1.1",["A","1"],null,false]',
      '["/x","GET","/","1",["A","1"],2,false]',
      '["/x",1,"/","1.1",[],0,false]',
      '["/x","GET",null,"1.1",[],0,false]',
      '[{},"GET","/","1.1",[],0,false]',
      '["/x","GET","/","1.1",{"length":0},0,false]',
      '["/x","GET","/","1.1",[],0]',
    ].map((request) => envelope("{}", request)),
    envelope("{}", proper) + envelope("{}", proper),
    "X-Supervisor-Request: []\r\n",
    `${many(2_000)}${envelope("{}", proper)}`,
  ];
  for (const lines of broken) {
    for (const kind of ["Connection: close\r\n", UPGRADE]) {
      const request = raw("GET", "/", `Host: a\r\n${lines}${kind}`);
      t.equal(await onGateway(servers, request), "HTTP/1.1 400 Bad Request", lines.slice(0, 90));
    }
  }
  const odd = ["boo\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "\0\x16\x03"];
  for (const bytes of odd) await onGateway(servers, `${bytes}${raw("GET", "/", "")}`);
  t.equal((await answer(t, servers.port, get(TARGET))).status, 200, "it goes on");
});
