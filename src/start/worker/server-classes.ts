import { Server as HttpServer } from "node:http";
import { createServer as createHttp2, createSecureServer as createSecureHttp2 } from "node:http2";
import { Server as HttpsServer } from "node:https";

/** Those of HTTP/2 are not exported, so one is made of each, which never listens. */
const HTTP_CLASSES = [
  HttpServer,
  HttpsServer,
  createHttp2().constructor as typeof HttpServer,
  createSecureHttp2({}).constructor as typeof HttpServer,
];

/** Whether the server speaks HTTP, encrypted or not, of version 1 or 2. */
export function isHttpServer(server: object): server is HttpServer {
  return HTTP_CLASSES.some((kind) => server instanceof kind);
}
