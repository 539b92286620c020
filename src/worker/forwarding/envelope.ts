/**
 * What a worker's forwarded requests and another one's gateway agree on.
 *
 * A client's head is never written as a head again: it travels as data, in headers of ours that come
 * first and that nobody else writes. So whatever the worker in front has accepted reaches the owner
 * as it was, and no rule of HTTP about names, values, their number or their framing can break the
 * request between the two.
 */
import { type IncomingMessage, maxHeaderSize } from "node:http";
import { asTlsSocket, type ClientTls, clientTlsOf } from "./client-tls.js";
import { becomeRequest, type RequestHead } from "./request-head.js";

/** Who the client is; the same for all requests of its connection. */
const CLIENT_HEADER = "x-supervisor-client";
/** What it asks, and of which server (server-names.ts). */
const REQUEST_HEADER = "x-supervisor-request";

/** Largest envelope, unless `--max-http-header-size` allows heads that need more. */
const ENVELOPE_BYTES = 4 * 1024 * 1024;

/**
 * Largest envelope (bytes). A head is at most six times as long in it, when no byte of it is ASCII;
 * a server whose own `maxHeaderSize` is beyond that gets 502 for what does not fit.
 */
export const MAX_ENVELOPE = Math.max(ENVELOPE_BYTES, 8 * maxHeaderSize);

/** The address of the client, as the worker that has its connection sees it. */
interface Client {
  remoteAddress?: string | undefined;
  remotePort?: number | undefined;
  remoteFamily?: string | undefined;
  encrypted?: boolean | undefined;
  tls?: ClientTls | undefined;
}

/** What is constant for a connection is written once. */
const writtenClients = new WeakMap<object, string>();

/**
 * @param server name of the server: for handshakes, which have no sid
 * @returns the headers that carry the request: name, value, name, value
 * @throws RangeError when it is larger than {@link MAX_ENVELOPE}
 */
export function seal(server: string, req: IncomingMessage): string[] {
  const connection = connectionOf(req);
  let client = writtenClients.get(connection);
  if (client === undefined) {
    client = toAscii(clientOf(req));
    writtenClients.set(connection, client);
  }
  const { method = "GET", url = "/", httpVersion, rawHeaders } = req;
  const head: RequestHead = [method, url, httpVersion, rawHeaders, countedOf(req), joinsOf(req)];
  const request = toAscii([server, ...head]);
  const size = client.length + request.length;
  if (size > MAX_ENVELOPE) throw new RangeError(`A request of ${size} bytes is not forwarded`);
  return [CLIENT_HEADER, client, REQUEST_HEADER, request];
}

/**
 * Makes a forwarded request look as if the client had sent it here (R9).
 *
 * @returns the name of the server; `undefined` when there is no envelope, or a broken one
 */
export function open(request: IncomingMessage): string | undefined {
  const { [CLIENT_HEADER]: client, [REQUEST_HEADER]: asked } = request.headers;
  const from = parse(client);
  const parts = parse(asked);
  if (typeof from !== "object" || from === null || !isRequest(parts)) return undefined;
  const [server, ...head] = parts;
  becomeRequest(request, head);
  wearClient(request.socket, from as Client);
  return server;
}

/** All streams of an HTTP/2 connection are one connection, though each has a `socket` of its own. */
export function connectionOf(req: IncomingMessage): object {
  return (req as { stream?: { session?: object } }).stream?.session ?? req.socket;
}

function clientOf({ socket }: IncomingMessage): Client {
  const { remoteAddress, remotePort, remoteFamily } = socket;
  const { encrypted } = socket as { encrypted?: boolean };
  return { remoteAddress, remotePort, remoteFamily, encrypted, tls: clientTlsOf(socket) };
}

/** Node leaves what is beyond `server.maxHeadersCount` (1,000) in `rawHeaders`, and out of `headers`. */
function countedOf({ rawHeaders, socket, httpVersionMajor }: IncomingMessage): number {
  if (httpVersionMajor >= 2) return rawHeaders.length;
  const { server } = socket as { server?: { maxHeadersCount?: number | null } };
  const most = server?.maxHeadersCount ?? 1_000;
  return most > 0 ? Math.min(rawHeaders.length, 2 * most) : rawHeaders.length;
}

function joinsOf(req: IncomingMessage): boolean {
  return (req as { joinDuplicateHeaders?: boolean }).joinDuplicateHeaders === true;
}

/** JSON in which nothing is but printable ASCII: half of a surrogate pair survives it, too. */
function toAscii(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function parse(text: string | string[] | undefined): unknown {
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // broken, which is all that the caller wants to know
  }
}

function isRequest(parts: unknown): parts is [server: string, ...head: RequestHead] {
  if (!Array.isArray(parts) || parts.length !== 7) return false;
  const [server, method, url, version, headers, counted, joins] = parts as unknown[];
  return (
    [server, method, url].every(isString) &&
    isString(version) &&
    /^\d\.\d$/.test(version) &&
    Array.isArray(headers) &&
    headers.length % 2 === 0 &&
    headers.every(isString) &&
    Number.isInteger(counted) &&
    Number(counted) <= headers.length &&
    typeof joins === "boolean"
  );
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

/** Connections between workers whose present or last request came from a client with TLS. */
const wearingTls = new WeakSet<object>();

/** One connection carries one request at a time, so it can wear the address of its present one. */
function wearClient(socket: object, client: Client): void {
  const { remoteAddress, remotePort, remoteFamily, encrypted, tls } = client;
  wear(socket, { remoteAddress, remotePort, remoteFamily, encrypted });
  if (tls === undefined && !wearingTls.delete(socket)) return;
  wear(socket, asTlsSocket(tls));
  if (tls !== undefined) wearingTls.add(socket);
}

function wear(socket: object, properties: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(properties)) {
    // From the second request of a connection on, assigning is enough, and much faster.
    if (Object.hasOwn(socket, name) && Reflect.set(socket, name, value)) continue;
    Object.defineProperty(socket, name, { value, configurable: true, writable: true });
  }
}
