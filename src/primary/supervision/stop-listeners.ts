import { errorText, type Logger } from "../../options/checks.js";

/** What the application wants to have done before its workers are told to stop. */
export class StopListeners {
  readonly #listeners: (() => unknown)[] = [];

  add(listener: () => unknown): void {
    this.#listeners.push(listener);
  }

  /**
   * Calls them one after the other.
   *
   * @returns when all are done or the time (ms) is up, whichever is first
   */
  async run(timeout: number, logger: Logger): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeout);
    });
    await Promise.race([this.#runAll(logger), timeUp]);
    clearTimeout(timer);
  }

  async #runAll(logger: Logger): Promise<void> {
    for (const listener of this.#listeners) {
      try {
        await listener();
      } catch (error) {
        logger.error(`[socket-supervisor] an onStop listener failed: ${errorText(error)}`);
      }
    }
  }
}
