import type { Server } from "node:net";
import { DescriptorWatch, warnOfDescriptors } from "../../system/descriptors.js";

/** ms between two looks at whether there are descriptors left. */
const INTERVAL = 1_000;

let watch: DescriptorWatch | undefined;

/**
 * Keeps a listening server, and this process, when a connection could not be accepted (B4). Without
 * a descriptor Node sheds what comes, and now and then it emits an error; it goes on by itself when
 * others have closed. Errors of listening stay what they are.
 */
export function outliveAcceptErrors(server: Server): void {
  if (watch === undefined) {
    const looking = new DescriptorWatch(warnOfDescriptors);
    watch = looking;
    setInterval(() => looking.look(), INTERVAL).unref();
  }
  // First, so that who else listens (once) can still be counted.
  server.prependListener("error", (error: NodeJS.ErrnoException) => {
    if (error.syscall === "accept") watch?.look();
    else if (server.listenerCount("error") === 1) throw error; // as without this listener
  });
}
