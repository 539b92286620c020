import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Socket } from "socket.io-client";
import type { Test } from "tap";

declare global {
  /** Of the pages, as they have no modules: the client, and what it has heard. */
  var client: Socket;
  var news: number[];
}

/**
 * A web server of another origin than the cluster's, whose page is empty.
 *
 * @returns its origin; the server ends with the test
 */
export async function pageServer(t: Test): Promise<string> {
  const server = createServer((_req, res) => {
    res.setHeader("Content-Type", "text/html").end("<!doctype html><title>Page</title>");
  });
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
