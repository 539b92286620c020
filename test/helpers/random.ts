/**
 * Randomness that comes again: a test that fails with a seed fails with it every time. Tests say
 * the seed in their messages; `SEED=…` in the environment tries another one.
 */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed = Number(process.env.SEED ?? 1)) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  /** In [0, 1), like `Math.random`; an arrow, so that it can be injected (mulberry32). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("nothing to pick from");
    return items[this.between(0, items.length - 1)] as T;
  }

  /** `length` characters of `alphabet`. */
  text(alphabet: string, length: number): string {
    const letters = [...alphabet];
    return Array.from({ length }, () => this.pick(letters)).join("");
  }
}
