import { WorkerBootError } from "../../errors.js";
import type { Manager } from "../../manager-contract.js";
import { errorText, type Logger } from "../../options/checks.js";

/** What signals ask of a manager. */
export interface SignalActions extends Pick<Manager, "stop" | "reload"> {
  /** Ends what is there, now. */
  kill(): void;
  /** One worker more, or one less. */
  scaleBy(step: 1 | -1): Promise<unknown>;
}

/**
 * A second signal that comes within this time is the first one again (ms): a terminal's Ctrl-C
 * reaches every process of the group, and npm, tsx and their like hand on what they get.
 */
const ECHO = 500;

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGQUIT"] as const;

/**
 * The signals of unicorn and gunicorn: HUP reloads, TTIN and TTOU change the number of workers.
 * The first signal to stop does it in order and exits with 0; a second one, half a second later or
 * more, does not wait.
 *
 * @returns a function that takes the handlers off again
 */
export function bindSignals(logger: Logger, actions: SignalActions): () => void {
  let stoppingSince: number | undefined;
  const onStop = (signal: NodeJS.Signals): void => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince < ECHO) return;
      logger.warn(`[socket-supervisor] ${signal} again: killing the workers`);
      actions.kill();
      process.exit(1);
    }
    stoppingSince = performance.now();
    logger.info(`[socket-supervisor] ${signal}: stopping`);
    actions.stop().then(
      () => process.exit(0),
      (error) => {
        logger.error(`[socket-supervisor] stop failed: ${errorText(error)}`);
        process.exit(1);
      },
    );
  };
  const tell =
    (act: () => Promise<unknown>) =>
    (signal: NodeJS.Signals): void => {
      if (stoppingSince !== undefined) return;
      act().catch((error: Error) => {
        if (error instanceof WorkerBootError) return; // it is in the log already
        logger.error(`[socket-supervisor] ${signal}: ${error.message}`);
      });
    };
  const handlers: [NodeJS.Signals, (signal: NodeJS.Signals) => void][] = [
    ...STOP_SIGNALS.map((signal): [NodeJS.Signals, typeof onStop] => [signal, onStop]),
    ["SIGHUP", tell(() => actions.reload())],
    ["SIGTTIN", tell(() => actions.scaleBy(1))],
    ["SIGTTOU", tell(() => actions.scaleBy(-1))],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
