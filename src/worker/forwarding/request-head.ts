/*
 * The one place that gives a request of Node another head. `headers` and `headersDistinct` are made
 * of `rawHeaders` by Node itself (`IncomingMessage._addHeaderLines`), with its own rules for names
 * that come twice, which no other public call applies.
 */
import type { IncomingMessage } from "node:http";

export type RequestHead = [
  method: string,
  url: string,
  /** As in "1.1" */
  httpVersion: string,
  rawHeaders: string[],
  /** How many entries of `rawHeaders` are in `headers`. */
  counted: number,
  /** See `joinDuplicateHeaders` of `http.createServer()`. */
  joinsDuplicates: boolean,
];

interface Internals {
  complete: boolean;
  joinDuplicateHeaders: boolean;
  _addHeaderLines(rawHeaders: string[], count: number): void;
}

/** Replaces the head that `request` came with, as if it had come with this one. */
export function becomeRequest(
  request: IncomingMessage,
  [method, url, httpVersion, rawHeaders, counted, joinsDuplicates]: RequestHead,
): void {
  const [major, minor] = httpVersion.split(".");
  request.method = method;
  request.url = url;
  request.httpVersion = httpVersion;
  request.httpVersionMajor = Number(major);
  request.httpVersionMinor = Number(minor);
  request.headers = {};
  const internals = request as unknown as Internals;
  internals.joinDuplicateHeaders = joinsDuplicates;
  // Of a request that is complete, as an upgrade is, Node takes them for trailers.
  const { complete } = internals;
  internals.complete = false;
  // Node ignores an empty list, which would leave the old number of headers.
  internals._addHeaderLines(rawHeaders.length > 0 ? rawHeaders : ["", ""], counted);
  internals.complete = complete;
  request.rawHeaders = rawHeaders;
}
