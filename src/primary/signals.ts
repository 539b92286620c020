import type { Logger } from "../options.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGQUIT"] as const;

/**
 * The first signal stops in order and exits with 0; a second one does not wait.
 *
 * @returns a function that takes the handlers off again
 */
export function bindStopSignals(
  logger: Logger,
  stop: () => Promise<void>,
  kill: () => void,
): () => void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) {
      logger.warn(`[socket-supervisor] ${signal} again: killing the workers`);
      kill();
      process.exit(1);
    }
    stopping = true;
    logger.info(`[socket-supervisor] ${signal}: stopping`);
    stop().then(
      () => process.exit(0),
      (error) => {
        logger.error("[socket-supervisor] stop failed:", error);
        process.exit(1);
      },
    );
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}
