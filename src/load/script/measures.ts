import { LatencyRecorder } from "../latency.js";

/** Names beyond this are counted as one: a flow may make its events' names as it likes. */
const MAX_NAMES = 200;
const OTHERS = "(others)";

/** How long acknowledgements and events took, by their names. */
export class Measures {
  readonly #recorders = new Map<string, LatencyRecorder>();

  record(name: string, ms: number): void {
    const own = this.#recorders.get(name);
    if (own !== undefined) {
      own.record(ms);
      return;
    }
    if (this.#recorders.size >= MAX_NAMES && name !== OTHERS) {
      this.record(OTHERS, ms);
      return;
    }
    const recorder = new LatencyRecorder();
    recorder.record(ms);
    this.#recorders.set(name, recorder);
  }

  /** Encoded histograms. */
  encode(): Record<string, string> {
    return Object.fromEntries(
      [...this.#recorders].map(([name, recorder]) => [name, recorder.encode()]),
    );
  }
}
