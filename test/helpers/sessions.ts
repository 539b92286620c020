import { randomBytes } from "node:crypto";
import { callOver, get, openSession, RawConnection } from "./raw.js";

/** A polling session on each of `count` workers: pid -> sid. */
export async function sessionsOnEveryWorker(
  port: number,
  count: number,
): Promise<Map<number, string>> {
  const owners = new Map<number, string>();
  for (let tries = 0; owners.size < count; tries++) {
    if (tries > 10 * count) throw new Error(`Only ${owners.size} workers get sessions`);
    const connection = await RawConnection.open(port);
    const sid = await openSession(connection);
    owners.set(await callOver<number>(connection, sid, "pid"), sid);
    connection.destroy();
  }
  return owners;
}

/** The worker that has this connection: requests for sessions of others it has to forward. */
export async function workerOf(connection: RawConnection): Promise<number> {
  connection.write(get("/pid"));
  return Number((await connection.response()).body);
}

export function upgradeHead(sid: string, headers: Record<string, string> = {}): string {
  return get(`/socket.io/?EIO=4&transport=websocket&sid=${encodeURIComponent(sid)}`, {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": 13,
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    ...headers,
  });
}

/** A client's WebSocket text frame (RFC 6455, section 5.2), with a mask of zeros. */
export function maskedTextFrame(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

/** A server's short text frame. */
export function textFrame(received: Buffer): { value: string; used: number } | undefined {
  const length = received[1] ?? Number.POSITIVE_INFINITY;
  if (received.length < 2 + length) return undefined;
  return { value: received.subarray(2, 2 + length).toString(), used: 2 + length };
}
