/** The gateway's answer for a sid that it does not have (any more). */
import type { IncomingHttpHeaders } from "node:http";

export const NOT_HERE = 421;
export const NOT_HERE_HEADER = "x-supervisor-not-here";

/** The same for an upgrade: the first bytes, and the only ones. */
export const UPGRADE_NOT_HERE = Buffer.from(
  `HTTP/1.1 ${NOT_HERE} Misdirected Request\r\n${NOT_HERE_HEADER}: 1\r\n` +
    "Connection: close\r\nContent-Length: 0\r\n\r\n",
);

export function isNotHere(status: number, headers: IncomingHttpHeaders): boolean {
  return status === NOT_HERE && headers[NOT_HERE_HEADER] !== undefined;
}
