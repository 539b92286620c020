import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { type ConnectionOptions, connect } from "node:tls";
import t from "tap";
import {
  makeClientCertificate,
  makeServerCertificate,
  noOpenssl,
} from "../helpers/certificates.js";
import { connectClient, type Transports, upgraded } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";

const skip = { skip: noOpenssl };

interface Visit {
  body: string;
  /** What a later connection may resume. */
  session: Buffer | undefined;
  isResumed: boolean;
  /** Name in the server's certificate; a resumed session shows none. */
  server: string;
}

/** A TLS connection with one request on it; resolves with the answer's body. */
async function visit(port: number, options: ConnectionOptions = {}, path = "/pid"): Promise<Visit> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  let session: Buffer | undefined;
  socket.on("session", (data) => {
    session = data;
  });
  await once(socket, "secureConnect");
  const isResumed = socket.isSessionReused();
  const server = String(socket.getPeerCertificate().subject?.CN);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk;
  return { body: text.split("\r\n\r\n")[1] ?? "", session, isResumed, server };
}

t.test("a TLS session that one worker began goes on in the others", skip, async (t) => {
  const dir = t.testdir();
  await makeServerCertificate(dir);
  for (const [maxVersion, HTTP2] of [
    ["TLSv1.2", ""],
    ["TLSv1.3", ""],
    ["TLSv1.3", "1"],
  ] as const) {
    const { port } = await startCluster(t, { env: { TLS_DIR: dir, HTTP2 } });
    const first = await visit(port, { maxVersion });
    t.notOk(first.isResumed);
    let session = first.session;
    const resumedBy = new Set<string>();
    for (let n = 0; n < 12; n++) {
      const next = await visit(port, { maxVersion, session });
      t.equal(next.isResumed, true, `${maxVersion}, worker ${next.body}`);
      resumedBy.add(next.body);
      session = next.session ?? session;
    }
    t.equal(resumedBy.size, 3, "every worker has resumed it");
  }
});

t.test("ALPN says what the workers' servers speak", skip, async (t) => {
  const dir = t.testdir();
  await makeServerCertificate(dir);
  for (const [HTTP2, offered, chosen] of [
    ["", ["h2", "http/1.1"], "http/1.1"],
    ["1", ["h2", "http/1.1"], "h2"],
    ["1", ["http/1.1"], "http/1.1"],
  ] as const) {
    const { port } = await startCluster(t, { env: { TLS_DIR: dir, HTTP2 }, count: 1 });
    const ALPNProtocols = [...offered];
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols });
    await once(socket, "secureConnect");
    t.equal(socket.alpnProtocol, chosen);
    socket.destroy();
  }
});

t.test("a client's certificate reaches the application, also when forwarded", skip, async (t) => {
  const dir = t.testdir();
  await makeServerCertificate(dir);
  await makeClientCertificate(dir, "ada");
  const cluster = await startCluster(t, { env: { TLS_DIR: dir } });
  const url = `https://127.0.0.1:${cluster.port}`;
  const read = (file: string): string => readFileSync(`${dir}/${file}.pem`, "utf8");
  const own = { cert: read("ada-cert"), key: read("ada-key"), rejectUnauthorized: false };
  const workers = new Set<number>();
  let forwarded = 0;
  // On shared connections, sessions open in another worker than the connection's.
  const shared = new Agent({ ...own, keepAlive: true });
  t.teardown(() => shared.destroy());
  for (let n = 0; n < 18; n++) {
    const transports: Transports =
      (["polling", "websocket", "upgrade"] as const)[n % 3] ?? "polling";
    const agent = n < 6 ? {} : { agent: shared as unknown as string };
    const socket = await connectClient(t, url, transports, { ...own, ...agent });
    if (transports === "upgrade") await upgraded(socket);
    const seen = await socket.timeout(5_000).emitWithAck("certificate");
    t.match(seen, {
      subject: "ada",
      issuer: "test authority",
      authorized: true,
      why: null,
      protocol: "TLSv1.3",
      isEncrypted: true,
      x509: "CN=ada",
    });
    if (seen.isForwarded) forwarded++;
    workers.add(await socket.timeout(5_000).emitWithAck("pid"));
  }
  t.equal(workers.size, 3);
  t.ok(forwarded > 0, `${forwarded} handshakes were forwarded`);

  const stranger = await connectClient(t, url, "polling", { rejectUnauthorized: false });
  const seen = await stranger.timeout(5_000).emitWithAck("certificate");
  t.equal(seen.authorized, false);
  t.equal(seen.subject, undefined);
});

t.test("certificates rotate by reload(), or in the running workers", skip, async (t) => {
  const dir = t.testdir();
  await makeServerCertificate(dir, "first");
  const cluster = await startCluster(t, {
    env: { TLS_DIR: dir, WATCH_CERTIFICATE: "1" },
    options: { drainTimeout: 1_000 },
  });
  const { port } = cluster;
  const names = async (): Promise<string[]> => {
    const seen = new Set<string>();
    // Workers take turns for clients that are new.
    for (let n = 0; n < 9; n++) seen.add((await visit(port)).server);
    return [...seen].sort();
  };
  t.strictSame(await names(), ["first"]);

  const socket = await connectClient(t, `https://127.0.0.1:${port}`, "websocket", {
    rejectUnauthorized: false,
  });
  const { session } = await visit(port, { maxVersion: "TLSv1.2" });
  await makeServerCertificate(dir, "second");
  while ((await names()).includes("first"));
  t.strictSame(await names(), ["second"], "without a reload: setSecureContext()");
  t.equal(socket.connected, true, "nobody is cut off");
  const resumed = await visit(port, { session, maxVersion: "TLSv1.2" });
  t.equal(resumed.isResumed, true, "TLS sessions of before go on");

  await cluster.call("setEnv", "WATCH_CERTIFICATE", "");
  await cluster.call("reload");
  t.strictSame(await names(), ["second"]);
  await makeServerCertificate(dir, "third");
  t.strictSame(await names(), ["second"], "nobody watches now");
  await cluster.call("reload");
  t.strictSame(await names(), ["third"]);
  const afterwards = await visit(port, { session, maxVersion: "TLSv1.2" });
  t.equal(afterwards.isResumed, true, "and goes on in workers of another generation");
});
