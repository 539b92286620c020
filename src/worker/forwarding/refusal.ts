/** What a client is told whose request cannot be forwarded. */
import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { debug } from "../../diagnostics.js";
import { endSoon } from "./end-soon.js";

/** 502: the owner cannot be reached. 503: it does not take what is sent to it, or too much waits. */
export type Refusal = 502 | 503;

/** @param why for NODE_DEBUG=socket-supervisor: a client can cause any number of these */
export function refuseRequest(res: ServerResponse, why: unknown, status: Refusal = 502): void {
  debug("A request was not forwarded: %s", why);
  if (res.destroyed || res.writableEnded) return;
  if (res.headersSent) res.destroy();
  else res.writeHead(status, { "content-length": 0 }).end();
}

export function refuseUpgrade(socket: Duplex, why: unknown, status: Refusal = 502): void {
  debug("An upgrade was not forwarded: %s", why);
  answerUpgrade(socket, status === 502 ? "502 Bad Gateway" : "503 Service Unavailable");
}

/** @param status code and text */
export function answerUpgrade(socket: Duplex, status: string): void {
  if (socket.writable) {
    socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  }
  endSoon(socket);
}
