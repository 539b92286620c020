/** A promise that is begun when somebody waits for it: who does not wait, pays nothing. */
// biome-ignore-all lint/suspicious/noConfusingVoidType: so the types of a promise have it
export class Later implements Promise<void> {
  readonly [Symbol.toStringTag] = "Promise";
  readonly #begin: () => Promise<void>;
  #begun: Promise<void> | undefined;

  constructor(begin: () => Promise<void>) {
    this.#begin = begin;
  }

  get #promise(): Promise<void> {
    this.#begun ??= this.#begin();
    return this.#begun;
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaited is what it is for
  then<R = void, E = never>(
    onFulfilled?: ((value: void) => R | PromiseLike<R>) | null,
    onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<R | E> {
    return this.#promise.then(onFulfilled, onRejected);
  }

  catch<E = never>(
    onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<void | E> {
    return this.#promise.catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<void> {
    return this.#promise.finally(onFinally);
  }
}
