import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import { createSecureServer } from "node:http2";
import https from "node:https";
import { type AddressInfo, connect, createServer as listen, type Socket } from "node:net";
import t, { type Test } from "tap";
import { adoptConnection } from "../../../../src/worker/connections/dispatch.js";
import { makeServerCertificate, noOpenssl } from "../../../helpers/certificates.js";
import { get } from "../../../helpers/raw.js";

/** A client of a server that does not listen, and the server's end of the connection. */
async function adopted(t: Test, server: HttpServer): Promise<{ client: Socket; socket: Socket }> {
  const front = listen({ pauseOnConnect: true }).listen(0, "127.0.0.1");
  t.teardown(() => front.close());
  await once(front, "listening");
  const client = connect((front.address() as AddressInfo).port, "127.0.0.1");
  t.teardown(() => client.destroy());
  const [socket] = (await once(front, "connection")) as [Socket];
  t.teardown(() => socket.destroy());
  adoptConnection(server, socket, new Uint8Array());
  socket.resume();
  return { client, socket };
}

t.test("a client of HTTP that ends its side still gets its answer", async (t) => {
  let answer = (): void => {};
  const { client } = await adopted(
    t,
    createServer((_req, res) => {
      answer = () => res.end("late");
      client.end();
    }),
  );
  client.setEncoding("utf8").write(get("/", { Connection: "close" }));
  let received = "";
  client.on("data", (text) => {
    received += text;
    answer();
  });
  await once(client, "finish");
  answer();
  await once(client, "end");
  t.match(received, /late$/);
});

t.test(
  "with TLS an end in the middle of the handshake ends the connection",
  { skip: noOpenssl },
  async (t) => {
    const dir = t.testdir();
    await makeServerCertificate(dir);
    const read = (name: string) => readFileSync(`${dir}/${name}.pem`);
    const options = { key: read("key"), cert: read("cert") };
    const servers = {
      https: https.createServer(options),
      http2: createSecureServer({ ...options, allowHTTP1: true }) as unknown as HttpServer,
    };
    // The begin of a ClientHello, or nothing of it.
    for (const bytes of ["", "\x16\x03\x01\x02"]) {
      for (const [kind, server] of Object.entries(servers)) {
        const { client, socket } = await adopted(t, server);
        const closed = once(socket, "close");
        client.end(Buffer.from(bytes, "latin1"));
        await closed;
        t.pass(`${kind}, after ${bytes.length} bytes`);
      }
    }
  },
);

t.test("what the application says of its own server holds", { skip: noOpenssl }, async (t) => {
  const { socket } = await adopted(t, https.createServer({ allowHalfOpen: true }));
  t.equal(socket.allowHalfOpen, true);
  const plain = await adopted(t, https.createServer());
  t.equal(plain.socket.allowHalfOpen, false);
});
