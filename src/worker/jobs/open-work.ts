import { EventEmitter } from "node:events";

/** Work of this process that has to end before the process may. */
class OpenWork extends EventEmitter<{ none: [] }> {
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

/** One per process. */
export const openWork = new OpenWork();
