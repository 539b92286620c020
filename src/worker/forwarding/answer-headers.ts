/**
 * Headers of an answer that say how it is framed on its connection. The client's own connection has
 * its own; everything else passes, as the client of a plain server would see it.
 */
const FRAMING = new Set(["connection", "keep-alive", "trailer", "transfer-encoding"]);

/** HTTP/2 knows none of these (RFC 9113, section 8.2.2), and Node throws at them. */
const NOT_IN_HTTP2 = new Set(["http2-settings", "proxy-connection", "te", "upgrade", ...FRAMING]);

/**
 * @param rawHeaders name, value, name, value…, as in `message.rawHeaders`
 * @returns the same, without those of the connection between the workers
 */
export function answerHeaders(rawHeaders: readonly string[]): string[] {
  return without(FRAMING, rawHeaders);
}

/** The same for HTTP/2, as an object: responses of Node 20 take no flat list there. */
export function http2Headers(rawHeaders: readonly string[]): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  const kept = without(NOT_IN_HTTP2, rawHeaders);
  for (let index = 0; index < kept.length; index += 2) {
    const name = kept[index]?.toLowerCase() ?? "";
    headers[name] = [...(headers[name] ?? []), kept[index + 1] ?? ""];
  }
  return headers;
}

function without(names: ReadonlySet<string>, rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (!names.has(name.toLowerCase())) kept.push(name, rawHeaders[index + 1] ?? "");
  }
  return kept;
}
