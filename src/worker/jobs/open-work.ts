import { EventEmitter } from "node:events";

/** Work of this process that has to end before the process may. */
export class OpenWork extends EventEmitter<{ none: [] }> {
  #open = 0;

  get any(): boolean {
    return this.#open > 0;
  }

  /** @returns a function to call, once, when it has ended */
  begin(): () => void {
    this.#open++;
    return () => {
      this.#open--;
      if (this.#open === 0) this.emit("none");
    };
  }
}

/** The one of this process: `runOnce()` begins its work, and the worker's lifecycle waits for it. */
export const openWork = new OpenWork();
