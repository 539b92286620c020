import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { endSoon } from "./end-soon.js";
import { seal } from "./envelope.js";
import { countForward } from "./forward-count.js";
import type { LocalHandlers } from "./local-handlers.js";
import { UPGRADE_NOT_HERE } from "./not-here.js";
import type { Errand, PeerLine } from "./peer-line.js";
import { type Refusal, refuseUpgrade } from "./refusal.js";

/** How long the owner may take for its answer; its own limits are far below (ms). */
const ANSWER_TIMEOUT = 30_000;

/**
 * The owner's answer reaches the client byte by byte as it was written, whatever it is, and so does
 * all that follows, in both directions. The client gets an answer only when the owner has given one.
 *
 * @param onNotHere called when that worker does not have the session
 * @throws RangeError when the request cannot be forwarded
 */
export function forwardUpgrade(
  line: PeerLine,
  gateway: string,
  local: LocalHandlers,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  onNotHere: () => void,
): void {
  const request = headOf(seal(local.name, req));
  /** Ends the exchange with the owner; nothing before it has begun. */
  let stop = (): void => {};
  const errand: Errand = {
    bytes: request.length + head.length,
    send: () => {
      stop = exchange();
    },
    refuse: (status, why) => {
      stop();
      refuseUpgrade(socket, why, status);
    },
  };
  const leaveLine = () => line.done(errand);

  const exchange = (): (() => void) => {
    // Either side may end before the other one has.
    const peer = connect({ path: gateway, allowHalfOpen: true });
    let isDecided = false;
    const end = (): boolean => {
      if (isDecided) return false;
      isDecided = true;
      clearTimeout(timer);
      leaveLine();
      socket.unpipe(peer);
      peer.destroy();
      return true;
    };
    const refuse = (why: unknown, status?: Refusal): void => {
      if (end()) refuseUpgrade(socket, why, status);
    };
    const timer = setTimeout(() => refuse("its owner did not answer"), ANSWER_TIMEOUT).unref();
    peer.on("error", (error) => refuse(error)); // from its answer on, the close tells enough
    peer.once("close", () => refuse("its owner closed the connection"));
    // A client that is gone takes nothing with it that it has sent.
    socket.once("close", () => endSoon(peer));
    peer.write(request);
    if (head.length > 0) peer.write(head);
    socket.pipe(peer);
    firstBytes(peer, (bytes) => {
      if (isNotHere(bytes)) {
        if (end()) onNotHere();
        return;
      }
      isDecided = true;
      clearTimeout(timer);
      leaveLine();
      if (socket.destroyed) return;
      socket.write(bytes);
      peer.pipe(socket);
      // What the owner has written is the client's, however slowly it reads.
      peer.once("close", () => endSoon(socket));
    });
    countForward(gateway, true);
    return end;
  };

  socket.once("close", leaveLine);
  line.admit(errand);
}

/** @param then gets what comes first: enough to tell whether it is "not here" */
function firstBytes(peer: Socket, then: (bytes: Buffer) => void): void {
  let bytes = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length < UPGRADE_NOT_HERE.length && startsLikeNotHere(bytes)) return;
    done();
  };
  const onEnd = (): void => {
    if (bytes.length > 0) done();
    else peer.destroy(); // no answer at all
  };
  const done = (): void => {
    peer.off("data", onData).off("end", onEnd).pause();
    then(bytes);
  };
  peer.on("data", onData).on("end", onEnd);
}

function startsLikeNotHere(bytes: Buffer): boolean {
  return bytes.equals(UPGRADE_NOT_HERE.subarray(0, bytes.length));
}

function isNotHere(bytes: Buffer): boolean {
  return bytes.subarray(0, UPGRADE_NOT_HERE.length).equals(UPGRADE_NOT_HERE);
}

/** The envelope comes first; the rest makes an upgrade of it. */
function headOf(envelope: readonly string[]): string {
  let head = "GET / HTTP/1.1\r\n";
  for (let index = 0; index < envelope.length; index += 2) {
    head += `${envelope[index]}: ${envelope[index + 1]}\r\n`;
  }
  return `${head}Host: localhost\r\nConnection: Upgrade\r\nUpgrade: supervisor\r\n\r\n`;
}
