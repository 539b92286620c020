import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { ForeignRequests } from "../../../src/worker/forwarding/foreign-requests.js";
import { FORWARDED_HEADER } from "../../../src/worker/forwarding/hop-by-hop.js";
import { PeerGateway } from "../../../src/worker/forwarding/peer-gateway.js";
import type { EngineServer } from "../../../src/worker/sessions/engine.js";
import { get, RawConnection } from "../../helpers/raw.js";

/** An Engine.IO server that answers with what it saw. */
function fakeEngine(clients: Record<string, { close(): void }>): EngineServer {
  const see = ({ headers, rawHeaders, socket }: IncomingMessage) =>
    JSON.stringify({ headers, rawHeaders, port: socket.remotePort });
  return Object.assign(new EventEmitter(), {
    clients,
    handleRequest: (request: IncomingMessage, response: ServerResponse) =>
      void response.end(see(request)),
    handleUpgrade: (...[request, socket]: Parameters<EngineServer["handleUpgrade"]>) => {
      socket.end(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n${see(request)}`);
    },
    close() {},
  });
}

/** What starts to listen during the test is closed with it: a gateway lives as long as its process. */
function closeAfter(t: Test): void {
  const atExit = process.listeners("exit");
  t.teardown(() => {
    for (const listener of process.listeners("exit")) {
      if (!atExit.includes(listener)) process.off("exit", listener);
    }
  });
  const { listen } = NetServer.prototype;
  const value = function (this: Server, ...args: unknown[]) {
    t.teardown(() => {
      this.closeAllConnections();
      this.close();
    });
    return Reflect.apply(listen, this, args);
  };
  t.intercept(NetServer.prototype, "listen", { value });
}

/** Two workers in one process: "mine" lives in the other one. */
async function setUp(t: Test): Promise<RawConnection> {
  closeAfter(t);
  // Not t.testdir(): the path of a socket must not be long.
  const dir = mkdtempSync(join(tmpdir(), "gateway-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const kept = { hold: () => undefined };
  const unknown = { whois: async () => null, place: async () => null };
  const gateway = new PeerGateway();
  gateway.serve(
    new ForeignRequests(unknown, kept).watch(fakeEngine({ mine: { close() {} } }), "/x"),
  );
  const path = await gateway.listen(dir);

  const engine = fakeEngine({});
  new ForeignRequests({ ...unknown, whois: async () => path }, kept).watch(engine, "/x");
  const server = createServer((req, res) => engine.handleRequest(req, res));
  server.on("upgrade", (req, socket, head) => engine.handleUpgrade(req, socket, head));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = await RawConnection.open((server.address() as AddressInfo).port);
  t.teardown(() => client.destroy());
  return client;
}

const TARGET = "/socket.io/?EIO=4&transport=polling&sid=mine";

t.test("R9: a forwarded request looks as if it had come there itself", async (t) => {
  const client = await setUp(t);
  client.write(get(TARGET, { "X-Mine": "1" }));
  const { status, body } = await client.response();
  t.equal(status, 200);
  const { headers, rawHeaders, port } = JSON.parse(body);
  t.equal(headers["x-mine"], "1");
  t.equal(port, client.socket.localPort, "the client's own port");
  t.notOk(body.includes(FORWARDED_HEADER), "nothing of the forwarding is left");
  t.equal(rawHeaders.length % 2, 0);
});

for (const value of ["boo", "", "{", JSON.stringify({ engine: 0, client: { remotePort: 1 } })]) {
  t.test(`R10: a client that sends the header of the forwarding itself: ${value}`, async (t) => {
    const client = await setUp(t);
    client.write(get(TARGET, { "X-Supervisor-Forwarded": value }));
    const { status, body } = await client.response();
    t.equal(status, 200);
    t.equal(JSON.parse(body).port, client.socket.localPort, "it changes nothing");
  });
}

t.test("R10: the same with an upgrade", async (t) => {
  const client = await setUp(t);
  const headers = { Connection: "Upgrade", Upgrade: "x", "X-Supervisor-Forwarded": "boo" };
  client.write(get(TARGET, headers));
  t.equal((await client.response()).status, 101);
});
