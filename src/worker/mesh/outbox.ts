/**
 * What this worker says, in the order in which it was said, one whole turn of the event loop later.
 *
 * A client may have joined a room in another worker and told a client of ours, who is faster than
 * the news of it. From then on at least one turn reads all that has arrived, the news included;
 * only then is decided whom it concerns (M2).
 */
export class Outbox {
  #fresh: (() => void)[] = [];
  #ripe: (() => void)[] = [];
  readonly #flushed: () => void;

  /** @param flushed is called when entries have been sent */
  constructor(flushed: () => void) {
    this.#flushed = flushed;
  }

  get isEmpty(): boolean {
    return this.#ripe.length === 0 && this.#fresh.length === 0;
  }

  /** @param send decides whom it concerns, and sends it to them; never throws */
  post(send: () => void): void {
    this.#fresh.push(send);
    if (this.#fresh.length === 1) setImmediate(this.#ripen);
  }

  /** Sends all, since the process ends. */
  flush(): void {
    const all = [...this.#ripe, ...this.#fresh];
    this.#ripe = [];
    this.#fresh = [];
    for (const send of all) send();
    this.#flushed();
  }

  readonly #ripen = (): void => {
    const ripe = this.#fresh;
    this.#ripe.push(...ripe);
    this.#fresh = [];
    setImmediate(() => {
      for (const send of this.#ripe.splice(0)) send();
      this.#flushed();
    });
  };
}
