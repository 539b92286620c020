/** Says for whom a request is forwarded: see forwarding.ts. */
export const FORWARDED_HEADER = "x-supervisor-forwarded";

/** Headers that belong to one connection and never pass a proxy (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = new Set([
  // Ours: a client must not be able to set it.
  FORWARDED_HEADER,
  "connection",
  "expect",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * @param rawHeaders name, value, name, value…, as in `message.rawHeaders`
 * @param connection the `Connection` header, whose words name further headers to leave behind
 * @returns the same, without the headers that end here
 */
export function endToEndHeaders(rawHeaders: readonly string[], connection = ""): string[] {
  const named = new Set(
    connection
      .toLowerCase()
      .split(",")
      .map((name) => name.trim()),
  );
  const kept: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const lower = name.toLowerCase();
    const value = rawHeaders[index + 1] ?? "";
    // HTTP/2 has the host in a pseudo-header, and no others that are headers of HTTP/1.
    if (lower === ":authority") kept.push("Host", value);
    else if (lower.startsWith(":")) continue;
    else if (!HOP_BY_HOP.has(lower) && !named.has(lower)) kept.push(name, value);
  }
  return kept;
}
