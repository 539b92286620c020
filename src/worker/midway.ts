import { createRequire } from "node:module";

type SetUp = (io: never) => Promise<void>;

/** Midway 3 and 4: the file that `Bootstrap.run()` takes its `setupWorker()` from. */
const STICKY = "@midwayjs/bootstrap/dist/sticky.js";

/**
 * Lets a Midway application be part of the cluster without a line of its own: in a worker of a
 * sticky cluster Midway's `Bootstrap.run()` calls Midway's `setupWorker()`, and gets ours instead.
 *
 * Both at once would inject each connection twice, and Midway's own one knows nothing of requests
 * of other workers' sessions. Where Midway is not installed, or looks different, nothing happens.
 *
 * @param main the file that this process runs; Midway is looked for from there
 * @returns whether Midway was found
 */
export function replaceMidwaySetUp(setUp: SetUp, main = process.argv[1]): boolean {
  if (process.env.MIDWAY_STICKY_MODE !== "true" || main === undefined) return false;
  let sticky: { setupWorker?: unknown };
  try {
    sticky = createRequire(main)(STICKY);
  } catch {
    return false;
  }
  if (typeof sticky.setupWorker !== "function") return false;
  // Midway does not wait for it, and only logs what nobody catches.
  sticky.setupWorker = (io: never): void => {
    setUp(io).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  };
  return true;
}
