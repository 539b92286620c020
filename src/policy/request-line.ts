/**
 * What the primary may know of a connection: its first request line, and nothing more.
 * Pure; the bytes are never changed and never parsed further.
 */

import { readPairs } from "./query.js";

/** The most bytes that are read of a connection before it is routed. */
export const MAX_UNROUTED_BYTES = 16 * 1024;

export type RequestLine =
  /** More bytes are needed. `scanned` says where to go on. */
  | { state: "incomplete"; scanned: number }
  /** Routable; `target` is the request target as sent, "" when this is not HTTP. */
  | { state: "complete"; target: string };

const CR = 13;
const LF = 10;
const SPACE = 32;

/**
 * Looks for the end of the first line in `bytes`.
 *
 * Empty lines in front of it are skipped (RFC 9112, section 2.2). What cannot be the start of an
 * HTTP request counts as complete with no target: a worker's HTTP server then says what Node
 * says to garbage, `clientError` listeners included.
 *
 * @param from where the last call stopped (`scanned`), so that a head that arrives one byte at a
 *   time costs linear, not quadratic, time
 */
export function readRequestLine(bytes: Uint8Array, from = 0): RequestLine {
  let start = 0;
  while (start < bytes.length && (bytes[start] === CR || bytes[start] === LF)) start++;
  if (start === bytes.length) return { state: "incomplete", scanned: start };
  if (!isMethodByte(bytes[start] ?? 0)) return { state: "complete", target: "" };
  const end = bytes.indexOf(LF, Math.max(from, start));
  if (end === -1) return { state: "incomplete", scanned: bytes.length };

  const methodEnd = bytes.indexOf(SPACE, start);
  if (methodEnd === -1 || methodEnd > end) return { state: "complete", target: "" };
  // One space by the letter (RFC 9112, section 3); Node's parser skips more, so we do as well.
  let targetStart = methodEnd + 1;
  while (bytes[targetStart] === SPACE) targetStart++;
  // The version is the last word; a target never holds a space.
  let targetEnd = bytes.indexOf(SPACE, targetStart);
  if (targetEnd === -1 || targetEnd > end) targetEnd = bytes[end - 1] === CR ? end - 1 : end;
  return { state: "complete", target: latin1(bytes, targetStart, targetEnd) };
}

export interface SessionQuery {
  /** The Engine.IO session id of this request; `undefined` when it has none. */
  sid: string | undefined;
  /** A request that will open a session, if the server accepts it. */
  opensSession: boolean;
}

const NO_SESSION: SessionQuery = { sid: undefined, opensSession: false };

/**
 * Reads the sid from a request target exactly as Engine.IO does (engine.io `Server#prepare`):
 * percent-decoded, the last of several, an empty one counts as none; never from a header.
 */
export function readSessionQuery(target: string): SessionQuery {
  if (!target.includes("?")) return NO_SESSION;
  let sid = "";
  let opensSession = false;
  try {
    readPairs(target, (name, value) => {
      if (name === "sid") sid = value;
      else if (name === "transport") opensSession = true;
    });
  } catch {
    return NO_SESSION; // no URL: Engine.IO answers 400
  }
  return sid ? { sid, opensSession: false } : { sid: undefined, opensSession };
}

/** RFC 9110, section 5.6.2 (tchar), as far as methods use it. */
function isMethodByte(byte: number): boolean {
  return (
    (byte >= 0x41 && byte <= 0x5a) || // A-Z
    (byte >= 0x61 && byte <= 0x7a) || // a-z
    (byte >= 0x30 && byte <= 0x39) || // 0-9
    byte === 0x21 || // !
    (byte >= 0x23 && byte <= 0x27) || // # $ % & '
    byte === 0x2a || // *
    byte === 0x2b || // +
    byte === 0x2d || // -
    byte === 0x2e || // .
    (byte >= 0x5e && byte <= 0x60) || // ^ _ `
    byte === 0x7c || // |
    byte === 0x7e // ~
  );
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}
