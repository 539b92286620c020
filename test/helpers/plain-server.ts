import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type ServerOptions } from "socket.io";
import type { Test } from "tap";
import type { RawResponse } from "./raw.js";

/**
 * Socket.IO in this process, without a cluster: what it answers is what a cluster should answer.
 *
 * @returns its port; the server ends with the test
 */
export async function plainServer(
  t: Test,
  options: Partial<ServerOptions>,
  install?: (io: Server) => void,
): Promise<number> {
  const httpServer = createServer((_req, res) => res.writeHead(404).end());
  const io = new Server(httpServer, options);
  install?.(io);
  io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
  t.teardown(() => io.close());
  httpServer.listen(0, "127.0.0.1");
  await once(httpServer, "listening");
  return (httpServer.address() as AddressInfo).port;
}

/** What of a response has to be the same from every server. */
export interface Told {
  status: number;
  headers: string[];
  body: string;
}

/** The ids of Engine.IO and Socket.IO have a name instead. */
export function told({ status, headerLines, body }: RawResponse, sid: string): Told {
  const named = (text: string) =>
    text.replaceAll(encodeURIComponent(sid), "SID").replace(/"sid":"[^"]*"/, '"sid":"SID"');
  const headers = headerLines.filter((line) => !line.startsWith("Date: ")).map(named);
  return { status, headers: headers.sort(), body: named(body) };
}
