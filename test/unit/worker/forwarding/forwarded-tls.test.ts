import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, Server } from "node:http";
import { createSecureServer, connect as http2Connect } from "node:http2";
import https from "node:https";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import t, { type Test } from "tap";
import {
  makeClientCertificate,
  makeServerCertificate,
  noOpenssl,
} from "../../../helpers/certificates.js";
import { get, RawConnection } from "../../../helpers/raw.js";
import { twoWorkers } from "../../../helpers/two-workers.js";

const skip = { skip: noOpenssl };
const POLL = "/socket.io/?EIO=4&transport=polling&sid=mine";
const UPGRADE = { Connection: "Upgrade", Upgrade: "websocket" };

async function tlsOptions(t: Test, client?: string): Promise<{ dir: string; options: object }> {
  const dir = t.testdir();
  await makeServerCertificate(dir);
  const read = (name: string) => readFileSync(`${dir}/${name}.pem`);
  const options = { key: read("key"), cert: read("cert") };
  if (client === undefined) return { dir, options };
  await makeClientCertificate(dir, client, "client");
  const asks = { ca: read("ca"), requestCert: true, rejectUnauthorized: false };
  return { dir, options: { ...options, ...asks } };
}

async function open(t: Test, port: number, options: ConnectionOptions): Promise<RawConnection> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  await once(socket, "secureConnect");
  t.teardown(() => socket.destroy());
  return new RawConnection(socket);
}

t.test("B1: whatever a client says in its TLS handshake, its requests arrive", skip, async (t) => {
  const { options } = await tlsOptions(t);
  const servers = await twoWorkers(t, {}, () => https.createServer(options));
  for (const servername of ["a\x7fb", "a b", "\x01", "é.example", "€", '"}\\', "x".repeat(255)]) {
    for (const headers of [{}, UPGRADE]) {
      const answers = [];
      for (const port of [servers.plainPort, servers.port]) {
        const client = await open(t, port, { servername });
        client.write(get(POLL, headers));
        const { status, body } = await client.response();
        t.equal(status, 200);
        const { rawHeaders, ...seen } = JSON.parse(body);
        t.equal(seen.port, (client.socket as TLSSocket).localPort);
        answers.push({ ...seen, port: 0 });
      }
      t.strictSame(answers[1], answers[0], JSON.stringify(servername));
      t.equal(answers[1]?.encrypted, true);
    }
  }
});

t.test("R9: a client's certificate, with a subject of any characters", skip, async (t) => {
  const subject = 'Zoë €\u{1f600} "quoted" \\ 名';
  const { dir, options } = await tlsOptions(t, subject);
  const read = (name: string) => readFileSync(`${dir}/${name}.pem`);
  const tell = ({ socket }: IncomingMessage): string => {
    const client = socket as TLSSocket;
    const { subject, issuerCertificate } = client.getPeerCertificate(true);
    const { authorized, authorizationError } = client;
    return JSON.stringify({
      subject,
      issuer: issuerCertificate?.subject,
      authorized,
      authorizationError,
      x509: client.getPeerX509Certificate()?.subject,
    });
  };
  const servers = await twoWorkers(
    t,
    {
      handleRequest: (req, res) => void res.end(tell(req)),
      handleUpgrade: (req, socket) =>
        void socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${tell(req)}`),
    },
    () => https.createServer(options),
  );
  const intermediate = read("client-cert");
  // As many certificates as Node takes for a chain.
  const long = Buffer.concat(Array.from({ length: 40 }, () => intermediate));
  for (const cert of [intermediate, long]) {
    for (const headers of [{}, UPGRADE]) {
      const bodies: string[] = [];
      for (const port of [servers.plainPort, servers.port]) {
        const client = await open(t, port, { cert, key: read("client-key") });
        client.write(get(POLL, headers));
        bodies.push((await client.response()).body);
      }
      t.equal(bodies[1], bodies[0]);
      t.equal(JSON.parse(bodies[1] ?? "").subject.CN, subject);
    }
  }
});

t.test("B1: what HTTP/1 could not carry is forwarded over HTTP/2, too", skip, async (t) => {
  const { options } = await tlsOptions(t);
  const servers = await twoWorkers(
    t,
    {},
    () => createSecureServer({ ...options, allowHTTP1: true }) as unknown as Server,
  );
  const ask = async (port: number, headers: Record<string, string>): Promise<unknown> => {
    const session = http2Connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    t.teardown(() => session.destroy());
    const stream = session.request({ ":path": POLL, ...headers });
    stream.end();
    const [answer] = await once(stream, "response");
    let text = "";
    for await (const chunk of stream.setEncoding("utf8")) text += chunk;
    session.close();
    // Requests of HTTP/2 have no `headersDistinct`.
    const { headersDistinct, ...seen } = JSON.parse(text || "{}");
    return { status: answer[":status"], ...seen, port: 0 };
  };
  const authority = ":authority";
  for (const headers of [
    { "x-odd": "€" },
    { ":path": `${POLL}&x=€` },
    { ":method": "FOO" },
    { ":method": "HEAD" },
    { "x-supervisor-request": "[]", te: "trailers" },
    { cookie: "a=1; b=2" },
    Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`x-${n}`, "y"])),
  ]) {
    const sent = { [authority]: "localhost", ...headers };
    const plain = await ask(servers.plainPort, sent);
    t.strictSame(await ask(servers.port, sent), plain, JSON.stringify(headers).slice(0, 60));
  }
});
