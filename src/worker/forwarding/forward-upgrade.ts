import { type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import { forwardedHeaders, type LocalHandlers } from "./envelope.js";
import { endToEndHeaders } from "./hop-by-hop.js";

/** The client gets an answer only when the owner has given one: its own status and headers. */
export function forwardUpgrade(
  gateway: string,
  local: LocalHandlers,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const upstream = request({
    socketPath: gateway,
    method: req.method,
    path: req.url,
    headers: [
      ...forwardedHeaders(local, req),
      "Connection",
      "Upgrade",
      "Upgrade",
      req.headers.upgrade ?? "",
    ],
  });
  socket.once("close", () => upstream.destroy());
  upstream.on("error", () => refuseUpgrade(socket));
  upstream.on("upgrade", (answer, peer, peerHead) => {
    socket.write(
      headOf(answer, ["Connection", "Upgrade", "Upgrade", answer.headers.upgrade ?? ""]),
    );
    socket.write(peerHead);
    peer.write(head);
    peer.on("error", () => peer.destroy());
    peer.once("close", () => socket.destroy());
    socket.once("close", () => peer.destroy());
    socket.pipe(peer).pipe(socket);
  });
  upstream.on("response", (answer) => {
    socket.write(headOf(answer, ["Connection", "close"]));
    answer.on("error", () => socket.destroy());
    answer.pipe(socket);
  });
  upstream.end();
}

function refuseUpgrade(socket: Duplex): void {
  if (socket.writable) {
    socket.end("HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  }
}

function headOf(answer: IncomingMessage, connection: string[]): string {
  const headers = [...endToEndHeaders(answer.rawHeaders, answer.headers.connection), ...connection];
  let head = `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n`;
  for (let index = 0; index < headers.length; index += 2) {
    head += `${headers[index]}: ${headers[index + 1]}\r\n`;
  }
  return `${head}\r\n`;
}
