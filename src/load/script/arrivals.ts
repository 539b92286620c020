import { random } from "../schedule.js";
import type { Phase, Scenario } from "./types.js";

/** When users come. Pure; it does not depend on how those before them fare. */
export class Arrivals {
  readonly #phases: {
    from: number;
    seconds: number;
    first: number;
    last: number;
    before: number;
  }[];
  /** All users of all phases. */
  readonly count: number;
  /** ms */
  readonly duration: number;

  constructor(phases: readonly Phase[]) {
    let from = 0;
    let before = 0;
    this.#phases = phases.map(({ duration: seconds, arrivalRate = 0, rampTo = arrivalRate }) => {
      const phase = { from, seconds, first: arrivalRate, last: rampTo, before };
      from += seconds;
      before += ((arrivalRate + rampTo) / 2) * seconds;
      return phase;
    });
    this.count = Math.floor(before + 1e-9);
    this.duration = from * 1_000;
  }

  /** When the n-th user comes, from 0 (ms after the start). */
  at(n: number): number {
    // In the middle of its share of the area below the rate.
    const area = n + 0.5;
    const phase = this.#phases.findLast(({ before }) => before <= area);
    if (phase === undefined) return 0;
    const { from, seconds, first, last, before } = phase;
    const slope = (last - first) / seconds;
    const rest = area - before;
    const time =
      Math.abs(slope) < 1e-9
        ? rest / first
        : (Math.sqrt(Math.max(0, first * first + 2 * slope * rest)) - first) / slope;
    return Math.min(seconds, time) * 1_000 + from * 1_000;
  }
}

/** Which scenario the n-th user plays, by weight. */
export function scenarioOf(scenarios: readonly Scenario[], seed: number, n: number): number {
  const weights = scenarios.map(({ weight = 1 }) => weight);
  let rest = random(seed, 5, n) * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return index;
  }
  return weights.length - 1;
}
