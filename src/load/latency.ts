import * as hdr from "hdr-histogram-js";

/** ms, with three significant digits. */
export interface Latency {
  count: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

/** Durations in a histogram that can be sent to another process and added to others. */
export class LatencyRecorder {
  // Plain JavaScript: the library's WebAssembly is not used.
  readonly #histogram = hdr.build({ numberOfSignificantValueDigits: 3 });

  record(ms: number): void {
    this.#histogram.recordValue(Math.max(1, Math.round(ms * 1_000)));
  }

  encode(): string {
    return hdr.encodeIntoCompressedBase64(this.#histogram);
  }

  reset(): void {
    this.#histogram.reset();
  }
}

/** One summary of the histograms of several processes. */
export function mergedLatency(encoded: readonly string[]): Latency {
  const sum = hdr.build({ numberOfSignificantValueDigits: 3 });
  for (const text of encoded) sum.add(hdr.decodeFromCompressedBase64(text));
  const at = (percentile: number): number =>
    sum.totalCount === 0 ? 0 : sum.getValueAtPercentile(percentile) / 1_000;
  return {
    count: sum.totalCount,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: sum.totalCount === 0 ? 0 : sum.maxValue / 1_000,
  };
}
