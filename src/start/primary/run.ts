import { once } from "node:events";
import { basename, relative } from "node:path";
import { WorkerBootError } from "../../errors.js";
import type { Logger } from "../../options/checks.js";
import { FileWatcher } from "./file-watcher.js";
import type { StartSettings } from "./settings.js";
import { StartedCluster } from "./start-cluster.js";

/**
 * `socket-supervisor start`: this process becomes the primary.
 *
 * @returns when the cluster runs; from then on signals and the control socket end it
 */
export async function run(settings: StartSettings): Promise<void> {
  const logger: Logger = settings.manager.logger ?? console;
  if (settings.watch) {
    await runWatched(settings, logger);
    return;
  }
  const cluster = new StartedCluster(settings, () => {});
  tellStart(await cluster.start(), settings, cluster, logger);
}

/** Starts, and reloads on each change. What does not start waits for the next change. */
async function runWatched(settings: StartSettings, logger: Logger): Promise<void> {
  const watcher = new FileWatcher((text) => logger.warn(`[socket-supervisor] ${text}`));
  watcher.add([settings.file]);
  const cluster = await startAtLast(settings, watcher, logger);
  watcher.on("change", (files) => {
    logger.info(`[socket-supervisor] ${namesOf(files)} changed: reloading`);
    cluster.manager.reload().then(
      ({ duration }) => logger.info(`[socket-supervisor] reloaded in ${duration} ms`),
      (error: Error) => {
        const why =
          error instanceof WorkerBootError ? `the new worker ${error.why}` : error.message;
        logger.error(`[socket-supervisor] not reloaded, the old code goes on: ${why}`);
      },
    );
  });
  cluster.manager.onStop(() => watcher.close());
}

async function startAtLast(
  settings: StartSettings,
  watcher: FileWatcher,
  logger: Logger,
): Promise<StartedCluster> {
  for (;;) {
    const cluster = new StartedCluster(settings, (files) => watcher.add(files));
    try {
      tellStart(await cluster.start(), settings, cluster, logger);
      return cluster;
    } catch (error) {
      const why = error instanceof WorkerBootError ? `The worker ${error.why}.` : String(error);
      logger.error(`[socket-supervisor] ${why} Waiting for a change.`);
      // Its folder is watched, but that alone keeps no process alive.
      const alive = setInterval(() => {}, 60_000);
      const [files] = (await once(watcher, "change")) as [string[]];
      clearInterval(alive);
      logger.info(`[socket-supervisor] ${namesOf(files)} changed: starting`);
    }
  }
}

function tellStart(
  addresses: readonly string[],
  { file, watch }: StartSettings,
  { manager }: StartedCluster,
  logger: Logger,
): void {
  const { count } = manager.status();
  const workers = count === 1 ? "1 worker" : `${count} workers`;
  const watching = watch ? ", watching its files" : "";
  logger.info(
    `[socket-supervisor] ${basename(file)}: ${workers} on ${addresses.join(", ")}${watching}`,
  );
}

function namesOf(files: readonly string[]): string {
  return files.map((file) => relative(process.cwd(), file)).join(", ");
}
