/**
 * What this worker says, in the order in which it was said, one whole turn of the event loop later.
 *
 * A client may have joined a room in another worker and told a client of ours, who is faster than
 * the news of it. From then on at least one turn reads all that has arrived, the news included;
 * only then is decided whom it concerns (M2).
 */
export class Outbox {
  #fresh: (() => void)[] = [];
  readonly #flushed: () => void;
  #waiting = 0;

  /** @param flushed is called when entries have been sent */
  constructor(flushed: () => void) {
    this.#flushed = flushed;
  }

  get isEmpty(): boolean {
    return this.#waiting === 0;
  }

  /** @param send decides whom it concerns, and sends it to them; never throws */
  post(send: () => void): void {
    this.#waiting++;
    this.#fresh.push(send);
    if (this.#fresh.length === 1) setImmediate(this.#ripen);
  }

  readonly #ripen = (): void => {
    const ripe = this.#fresh;
    this.#fresh = [];
    setImmediate(() => {
      for (const send of ripe) send();
      this.#waiting -= ripe.length;
      this.#flushed();
    });
  };
}
