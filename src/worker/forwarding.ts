/** What a worker's forwarded requests and another one's gateway agree on. */
import type { IncomingMessage } from "node:http";
import type { EngineServer } from "./engine.js";
import { endToEndHeaders, FORWARDED_HEADER } from "./hop-by-hop.js";

/** The gateway's answer for a sid that it does not have (any more). */
export const NOT_HERE = 421;
export const NOT_HERE_HEADER = "x-supervisor-not-here";

/** Of a forwarded request, what its head does not say. */
export interface ForwardedFor {
  /** Number of the engine, in the order of setupWorker() calls: for handshakes, which have no sid. */
  engine: number;
  client: ClientAddress;
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
  /** See `ForwardedFor`. */
  number: number;
  engine: EngineServer;
  handleRequest: EngineServer["handleRequest"];
  handleUpgrade: EngineServer["handleUpgrade"];
}

export function isNotHere(answer: IncomingMessage): boolean {
  return answer.statusCode === NOT_HERE && answer.headers[NOT_HERE_HEADER] !== undefined;
}

/** The headers with which a request goes on to another worker. */
export function forwardedHeaders(local: LocalHandlers, req: IncomingMessage): string[] {
  const { remoteAddress, remotePort, remoteFamily } = req.socket;
  const encrypted = (req.socket as { encrypted?: boolean }).encrypted;
  const forwarded: ForwardedFor = {
    engine: local.number,
    client: { remoteAddress, remotePort, remoteFamily, encrypted },
  };
  return [
    ...endToEndHeaders(req.rawHeaders, req.headers.connection),
    FORWARDED_HEADER,
    JSON.stringify(forwarded),
  ];
}

/** Makes a forwarded request look as if the client had sent it here (R9). */
export function unwrap(request: IncomingMessage): ForwardedFor {
  const forwarded = JSON.parse(String(request.headers[FORWARDED_HEADER])) as ForwardedFor;
  delete request.headers[FORWARDED_HEADER];
  request.rawHeaders.splice(request.rawHeaders.lastIndexOf(FORWARDED_HEADER), 2);
  // One connection carries one request at a time, so it can wear the address of its present one.
  for (const [name, value] of Object.entries(forwarded.client)) {
    Object.defineProperty(request.socket, name, { value, configurable: true });
  }
  return forwarded;
}
