import type { Peer } from "./peer.js";

/** ms between two looks at those who have not introduced themselves. */
const LOOK = 50;

/** How long one of them may give no sign (ms). Nobody waits for those that hang (B3). */
const PATIENCE = 750;

/**
 * Resolves when each of the peers knows all about this worker, and this worker about it; or is gone;
 * or has given no sign for 0.75 s: it is stopped, or hangs, and nobody can say for how long. Such
 * a one is connected when it goes on, and hears then what it was sent meanwhile.
 *
 * Time is counted in looks, so that none passes while this process is busy itself.
 */
export async function acquainted(peers: readonly Peer[]): Promise<void> {
  const missing = new Map(peers.map((peer) => [peer, { signs: peer.signs, idle: 0 }]));
  if (missing.size === 0) return;
  await new Promise<void>((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = (peer: Peer): void => {
      missing.delete(peer);
      if (missing.size > 0) return;
      clearTimeout(timer);
      resolve();
    };
    const look = (): void => {
      timer = setTimeout(() => setImmediate(judge), LOOK).unref();
    };
    const judge = (): void => {
      for (const [peer, seen] of [...missing]) {
        const { signs } = peer;
        seen.idle = signs === seen.signs ? seen.idle + 1 : 0;
        seen.signs = signs;
        if (seen.idle * LOOK >= PATIENCE) settle(peer);
      }
      if (missing.size > 0) look();
    };
    for (const peer of peers)
      Promise.all([peer.known(), peer.told()]).then(
        () => settle(peer),
        () => settle(peer), // it is gone
      );
    look();
  });
}
