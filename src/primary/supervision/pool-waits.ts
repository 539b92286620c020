import { SupervisorError } from "../../errors.js";

/** What somebody waits for: a number of workers, or workers with new code. */
export type Wanted = "count" | "generation";

interface Wait {
  wanted: Wanted;
  /** Who waits, for the error. */
  call: string;
  resolve: () => void;
  reject: (error: SupervisorError) => void;
}

/**
 * The promises of `start()`, `scale()` and `reload()`. Each ends in one of three ways: the pool is
 * as it was wanted, what was wanted is given up, or the pool retires.
 */
export class PoolWaits {
  readonly #stallTimeout: number;
  #waits: Wait[] = [];
  /** Of the last step towards what is wanted. */
  #lastStep = 0;

  /** @param stallTimeout how long one step may take (ms) */
  constructor(stallTimeout: number) {
    this.#stallTimeout = stallTimeout;
  }

  /** When there is no hope any more that it is reached (ms, monotonic). */
  get stalledAt(): number {
    if (this.#waits.length === 0) return Number.POSITIVE_INFINITY;
    return this.#lastStep + this.#stallTimeout;
  }

  progress(now: number): void {
    this.#lastStep = now;
  }

  /** @param now ms, monotonic */
  add(wanted: Wanted, call: string, now: number): Promise<void> {
    this.progress(now);
    const wait = new Promise<void>((resolve, reject) => {
      this.#waits.push({ wanted, call, resolve, reject });
    });
    wait.catch(() => {}); // it may be over before whoever asked has it in hands
    return wait;
  }

  settled(): void {
    for (const { resolve } of this.#take(() => true)) resolve();
  }

  abandon(wanted: Wanted, error: SupervisorError): void {
    for (const { reject } of this.#take((wait) => wait.wanted === wanted)) reject(error);
  }

  /** @param reason why; default: somebody stopped the manager */
  retired(reason?: SupervisorError): void {
    for (const { reject, call } of this.#take(() => true)) reject(reason ?? stopped(call));
  }

  #take(isMeant: (wait: Wait) => boolean): Wait[] {
    const taken = this.#waits.filter(isMeant);
    this.#waits = this.#waits.filter((wait) => !taken.includes(wait));
    return taken;
  }
}

/** For whoever waits for something that a stop has made impossible. */
export function stopped(call: string): SupervisorError {
  return new SupervisorError(
    "ERR_SUPERVISOR_STATE",
    `The manager was stopped before ${call} was done.`,
  );
}
