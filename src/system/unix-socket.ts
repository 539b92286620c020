/** What holds for the paths of all Unix sockets. */
import { connect } from "node:net";
import { isOutOfDescriptors } from "./descriptors.js";

/** How long a Unix socket's path may be (bytes): the kernel's 108, and one ends it. */
export const MAX_SOCKET_PATH = 107;

/** Whether a Unix socket may have `path`, with `more` bytes behind it. */
export function fitsSocket(path: string, more = 0): boolean {
  return Buffer.byteLength(path) + more <= MAX_SOCKET_PATH;
}

/** Whether somebody accepts connections at `path`. */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    // Without a descriptor nothing is known of it: it counts as somebody's.
    socket.once("error", (error) => resolve(isOutOfDescriptors(error)));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
