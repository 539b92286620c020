import { matches } from "./template.js";

/** Events that one user keeps for `wait()`: who waits for none of them does not keep them for ever. */
const MAX_KEPT = 1_000;

interface Waiting {
  event: string;
  expected: unknown;
  resolve(argument: unknown): void;
}

/** What has come since the user last sent something, and who waits for what will come. */
export class Mailbox {
  #kept: { event: string; argument: unknown }[] = [];
  readonly #waiting = new Set<Waiting>();

  /** What came before is of no interest any more. */
  clear(): void {
    this.#kept = [];
  }

  receive(event: string, argument: unknown): void {
    for (const waiting of this.#waiting) {
      if (waiting.event !== event || !matches(argument, waiting.expected)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve(argument);
      return;
    }
    this.#kept.push({ event, argument });
    if (this.#kept.length > MAX_KEPT) this.#kept.shift();
  }

  /**
   * The first event of that name that has what is expected, if anything is.
   *
   * @returns a promise of its first argument, and what ends the waiting
   */
  take(event: string, expected?: unknown): { found: Promise<unknown>; cancel(): void } {
    const at = this.#kept.findIndex((it) => it.event === event && matches(it.argument, expected));
    if (at >= 0) {
      const [it] = this.#kept.splice(0, at + 1).slice(-1);
      return { found: Promise.resolve(it?.argument), cancel: () => {} };
    }
    let cancel = (): void => {};
    const found = new Promise<unknown>((resolve) => {
      const waiting = { event, expected, resolve };
      this.#waiting.add(waiting);
      cancel = () => this.#waiting.delete(waiting);
    });
    return { found, cancel };
  }
}
