import type { EventEmitter } from "node:events";
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { readQuery } from "../../policy/query.js";

/** A session of an Engine.IO server, as far as we look at it. */
export interface EngineSocket extends EventEmitter {
  readonly id: string;
  readonly transport: { readonly name: string };
}

/** An Engine.IO server (engine.io `Server`), as far as its types let everybody see it. */
export interface PublicEngineServer extends EventEmitter {
  handleRequest(request: IncomingMessage, response: ServerResponse): void;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): unknown;
}

/** An Engine.IO server, as far as we use it: its types protect `clients`. */
export interface EngineServer extends PublicEngineServer {
  clients: Record<string, { close(): void }>;
}

/**
 * What `setupWorker()` takes beside Socket.IO servers: an Engine.IO server alone, or an HTTP server
 * without either.
 */
export interface EngineHost {
  httpServer: HttpServer;
  engine?: PublicEngineServer;
}

/** The same, checked. */
export interface CheckedHost extends EngineHost {
  engine?: EngineServer;
}

/**
 * A Socket.IO server, of whichever copy: applications bring their own (Midway, NestJS), and the
 * class of one copy does not match that of another.
 */
export interface SocketIoServer {
  readonly engine: object;
  path(): string;
  adapter(...args: never[]): unknown;
  of(...args: never[]): unknown;
}

/** A request that Engine.IO has prepared, or will: it keeps a `_query` that is there already. */
type PreparedRequest = IncomingMessage & { _query?: Record<string, string> };

/**
 * The sid of a request, as Engine.IO will read it (engine.io `Server#prepare`). The parsed query
 * stays on the request, so that it is parsed once.
 */
export function sidOf(request: IncomingMessage): string | undefined {
  const prepared = request as PreparedRequest;
  prepared._query ??= queryOf(request.url);
  return prepared._query.sid || undefined;
}

/** What is no URL asks nothing, and Engine.IO answers 400; it would throw if it had to read it. */
function queryOf(url = "/"): Record<string, string> {
  try {
    return readQuery(url);
  } catch {
    return {};
  }
}

export function ownsSession(engine: EngineServer, sid: string): boolean {
  return Object.hasOwn(engine.clients, sid);
}
