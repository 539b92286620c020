import { once } from "node:events";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { gunzipSync } from "node:zlib";
import t, { type Test } from "tap";
import { makeServerCertificate, noOpenssl } from "../helpers/certificates.js";
import { startCluster, type TestCluster } from "../helpers/cluster.js";

const skip = { skip: noOpenssl };
const BASE = "/socket.io/?EIO=4&transport=polling";

async function start(t: Test, options = {}): Promise<TestCluster> {
  const dir = t.testdir();
  await makeServerCertificate(dir);
  const env = { TLS_DIR: dir, HTTP2: "1", IO_OPTIONS: JSON.stringify({ cookie: true }) };
  return startCluster(t, { env, options });
}

/** One HTTP/2 connection, as a browser has one for all of its tabs. */
class Http2Client {
  readonly session: ClientHttp2Session;

  constructor(t: Test, port: number) {
    this.session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    t.teardown(() => this.session.destroy());
  }

  async request(
    method: string,
    path: string,
    data = "",
    headers: Record<string, string> = {},
  ): Promise<{ headers: IncomingHttpHeaders & { ":status"?: number }; text: string }> {
    const head = { ...headers, ":method": method, ":path": path };
    const stream = this.session.request(head, { endStream: data === "" });
    if (data !== "") stream.end(data);
    const [answer] = await once(stream, "response");
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const isCompressed = answer["content-encoding"] === "gzip";
    return { headers: answer, text: String(isCompressed ? gunzipSync(body) : body) };
  }

  /** A polling session with the namespace joined; its sid. */
  async open(): Promise<{ target: string; cookie: unknown }> {
    const { text, headers } = await this.request("GET", BASE);
    const { sid } = JSON.parse(text.slice(1)) as { sid: string };
    const target = `${BASE}&sid=${sid}`;
    await this.request("POST", target, "40");
    await this.request("GET", target);
    return { target, cookie: headers["set-cookie"] };
  }

  async pidOf(target: string): Promise<number> {
    await this.request("POST", target, `420["pid"]`);
    const { text } = await this.request("GET", target);
    return Number(/^430\[(\d+)\]$/.exec(text)?.[1]);
  }
}

t.test("R1, R6: one HTTP/2 connection with the sessions of all workers", skip, async (t) => {
  const cluster = await start(t);
  const client = new Http2Client(t, cluster.port);
  const sessions = await Promise.all(Array.from({ length: 30 }, () => client.open()));
  const owners = new Map<string, number>();
  for (const { target, cookie } of sessions) {
    t.match(cookie, [/^io=/], "headers of forwarded answers arrive");
    owners.set(target, await client.pidOf(target));
  }
  t.equal(new Set(owners.values()).size, 3);
  t.notOk([...owners.values()].includes(Number.NaN));

  const big = "x".repeat(300_000);
  const browser = { "accept-encoding": "gzip, deflate, br" };
  await Promise.all(
    sessions.map(async ({ target }) => {
      const posted = await client.request("POST", target, `427["echo","${big}"]`);
      t.equal(posted.headers[":status"], 200);
      const polled = await client.request("GET", target, "", browser);
      t.equal(polled.text, `437["${big}"]`);
    }),
  );
  for (const [target, pid] of owners) t.equal(await client.pidOf(target), pid);
  for (let n = 0; n < 6; n++) {
    const odd = await client.request("GET", `${BASE}&x=€`, "", { "x-odd": "€" });
    t.equal(odd.headers[":status"], 200, "what HTTP/1 between the workers cannot carry");
  }
  t.equal((await client.request("GET", `${BASE}&sid=nobody`)).headers[":status"], 400);
  t.notMatch(cluster.output, /UnsupportedWarning|Error/);
});

t.test(
  "S3: a reload ends HTTP/2 connections in order, and no request with them",
  skip,
  async (t) => {
    const cluster = await start(t, { drainTimeout: 5_000 });
    const client = new Http2Client(t, cluster.port);
    await once(client.session, "connect");
    const goaway = once(client.session, "goaway");
    const before = Number((await client.request("GET", "/pid")).text);
    const slow = client.request("GET", "/slow?ms=1500");
    const { target } = await client.open();
    const poll = client.request("GET", target);
    const reload = cluster.call<{ duration: number }>("reload");
    t.equal((await slow).text, "slow", "a request that was under way is answered");
    t.ok((await poll).headers[":status"], "so is a long poll");
    await goaway;
    const { duration } = await reload;
    t.ok(duration < 15_000, `nobody had to be killed: ${duration} ms`);
    const after = Number((await new Http2Client(t, cluster.port).request("GET", "/pid")).text);
    t.not(after, before);
  },
);
