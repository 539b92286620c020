/** What a worker's forwarded requests and another one's gateway agree on. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { EngineServer } from "../sessions/engine.js";
import { asTlsSocket, type ClientTls, clientTlsOf } from "./client-tls.js";
import { endToEndHeaders, FORWARDED_HEADER } from "./hop-by-hop.js";

/** The gateway's answer for a sid that it does not have (any more). */
export const NOT_HERE = 421;
export const NOT_HERE_HEADER = "x-supervisor-not-here";

/** Of a forwarded request, what its head does not say. */
export interface ForwardedFor {
  /** Name of the server (server-names.ts): for handshakes, which have no sid. */
  server: string;
  client: ClientAddress;
  tls?: ClientTls | undefined;
}

/** The address of the client, as the worker that has its connection sees it. */
export interface ClientAddress {
  remoteAddress?: string | undefined;
  remotePort?: number | undefined;
  remoteFamily?: string | undefined;
  encrypted?: boolean | undefined;
}

/** Engine.IO's own handlers, without our look for foreign sids in front. */
export interface LocalHandlers {
  /** See server-names.ts. */
  name: string;
  engine: EngineServer;
  handleRequest: EngineServer["handleRequest"];
  handleUpgrade: EngineServer["handleUpgrade"];
}

export function isNotHere(status: number, headers: IncomingHttpHeaders): boolean {
  return status === NOT_HERE && headers[NOT_HERE_HEADER] !== undefined;
}

/** The headers with which a request goes on to another worker. */
export function forwardedHeaders(local: LocalHandlers, req: IncomingMessage): string[] {
  const { remoteAddress, remotePort, remoteFamily } = req.socket;
  const encrypted = (req.socket as { encrypted?: boolean }).encrypted;
  const forwarded: ForwardedFor = {
    server: local.name,
    client: { remoteAddress, remotePort, remoteFamily, encrypted },
    tls: clientTlsOf(req.socket),
  };
  return [
    ...endToEndHeaders(req.rawHeaders, req.headers.connection),
    FORWARDED_HEADER,
    JSON.stringify(forwarded),
  ];
}

/** Connections between workers whose present or last request came from a client with TLS. */
const wearingTls = new WeakSet<object>();

/** Makes a forwarded request look as if the client had sent it here (R9). */
export function unwrap(request: IncomingMessage): ForwardedFor {
  const forwarded = JSON.parse(String(request.headers[FORWARDED_HEADER])) as ForwardedFor;
  delete request.headers[FORWARDED_HEADER];
  request.rawHeaders.splice(request.rawHeaders.lastIndexOf(FORWARDED_HEADER), 2);
  // One connection carries one request at a time, so it can wear the address of its present one.
  const { remoteAddress, remotePort, remoteFamily, encrypted } = forwarded.client;
  wear(request.socket, { remoteAddress, remotePort, remoteFamily, encrypted });
  if (forwarded.tls !== undefined || wearingTls.delete(request.socket)) {
    wear(request.socket, asTlsSocket(forwarded.tls));
    if (forwarded.tls !== undefined) wearingTls.add(request.socket);
  }
  return forwarded;
}

function wear(socket: object, properties: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(properties)) {
    // From the second request of a connection on, assigning is enough, and much faster.
    if (Object.hasOwn(socket, name) && Reflect.set(socket, name, value)) continue;
    Object.defineProperty(socket, name, { value, configurable: true, writable: true });
  }
}
