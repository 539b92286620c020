import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import { ForeignRequests } from "../../src/worker/forwarding/foreign-requests.js";
import { PeerGateway } from "../../src/worker/forwarding/peer-gateway.js";
import type { EngineServer } from "../../src/worker/sessions/engine.js";

type Handlers = Partial<Pick<EngineServer, "handleRequest" | "handleUpgrade">>;

/** All that a request tells an application. */
function seen(request: IncomingMessage): string {
  const { method, url, httpVersion, headers, rawHeaders, headersDistinct, socket } = request;
  const { encrypted, servername } = socket as { encrypted?: boolean; servername?: string };
  const connection = { port: socket.remotePort, address: socket.remoteAddress, encrypted };
  const head = { method, url, httpVersion, headers, rawHeaders, headersDistinct };
  return JSON.stringify({ ...head, ...connection, servername });
}

/** An Engine.IO server that answers with what it saw, or as `handlers` say. */
export function fakeEngine(sids: readonly string[], handlers: Handlers = {}): EngineServer {
  return Object.assign(new EventEmitter(), {
    clients: Object.fromEntries(sids.map((sid) => [sid, { close() {} }])),
    handleRequest: (request: IncomingMessage, response: ServerResponse) => {
      const answer = seen(request);
      response.setHeader("X-Bytes", Buffer.byteLength(answer));
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString("latin1");
      });
      if (request.method === "POST") request.on("end", () => response.end(answer + body));
      else response.end(answer);
    },
    handleUpgrade: (...[request, socket]: Parameters<EngineServer["handleUpgrade"]>) => {
      const answer = seen(request);
      const length = `Content-Length: ${Buffer.byteLength(answer)}`;
      socket.end(`HTTP/1.1 200 Upgraded\r\nUpgrade: x\r\n${length}\r\n\r\n${answer}`);
    },
    close() {},
    ...handlers,
  });
}

export interface TwoWorkers {
  /** Of the worker that owns no session. */
  port: number;
  /** Of a server without a cluster, with the same handlers. */
  plainPort: number;
  /** Path of the gateway of the worker that owns the session "mine". */
  gateway: string;
}

/**
 * Two workers in one process: the session "mine" lives in the one that clients cannot reach. Every
 * handshake is placed there, too.
 *
 * @param makeServer makes the server of either port
 */
export async function twoWorkers(
  t: Test,
  handlers: Handlers = {},
  makeServer: () => Server = () => createServer(),
): Promise<TwoWorkers> {
  closeAfter(t);
  // Not t.testdir(): the path of a socket must not be long.
  const dir = mkdtempSync(join(tmpdir(), "gateway-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const kept = { hold: () => undefined };
  const none = { of: () => undefined };
  const unknown = { whois: async () => null, place: async () => null };
  const gateway = new PeerGateway();
  t.teardown(() => gateway.close());
  gateway.serve(
    new ForeignRequests(unknown, kept, none).watch(fakeEngine(["mine", "stale"], handlers), "/x"),
  );
  const path = await gateway.listen(dir);
  if (path === null) throw new Error("the gateway does not listen");

  const front = fakeEngine([], handlers);
  const whois = async (sid: string) => (sid === "nobody" ? null : path);
  new ForeignRequests({ whois, place: async () => path }, kept, none).watch(front, "/x");
  const serve = async (engine: EngineServer): Promise<number> => {
    const server = makeServer();
    server.on("request", (req, res) => engine.handleRequest(req, res));
    server.on("upgrade", (req, socket, head) => engine.handleUpgrade(req, socket, head));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const plain = fakeEngine(["mine"], handlers);
  return { port: await serve(front), plainPort: await serve(plain), gateway: path };
}

/** What starts to listen during the test is closed with it: a gateway lives as long as its process. */
function closeAfter(t: Test): void {
  const { listen } = NetServer.prototype;
  const value = function (this: Server, ...args: unknown[]) {
    t.teardown(() => {
      this.closeAllConnections?.();
      this.close();
    });
    return Reflect.apply(listen, this, args);
  };
  t.intercept(NetServer.prototype, "listen", { value });
}
