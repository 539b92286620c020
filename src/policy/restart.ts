/** Whether, and when, a dead worker is replaced. Pure; `now` is ms of a monotonic clock. */

export interface RestartPolicy {
  /** More deaths than this within `duration` end the cluster. */
  limit: number;
  /** ms */
  duration: number;
}

/** All in ms. */
export interface Backoff {
  /** The wait before the second restart in a row; the first is at once. It doubles from here. */
  initial: number;
  /** The longest wait. */
  max: number;
  /** A worker that lived this long starts a new row. */
  forgetAfter: number;
}

export interface RestartWindow {
  /** Times of deaths that still count, oldest first. */
  readonly deaths: readonly number[];
}

export const NO_DEATHS: RestartWindow = { deaths: [] };

/** Adds a death; what is older than `duration` no longer counts. */
export function recordDeath(
  window: RestartWindow,
  now: number,
  policy: RestartPolicy,
): { window: RestartWindow; giveUp: boolean } {
  const deaths = [...window.deaths, now].filter((time) => time > now - policy.duration);
  return { window: { deaths }, giveUp: deaths.length > policy.limit };
}

/**
 * How long a slot waits before its next worker.
 *
 * @param failures deaths of the slot's workers in a row, this one included
 * @param random a number in [0, 1): the wait is between half and all of the step, so that slots
 *   that died together do not come back together
 * @returns ms
 */
export function restartDelay(
  failures: number,
  backoff: Backoff,
  random: () => number = Math.random,
): number {
  if (failures <= 1) return 0;
  const step = Math.min(backoff.initial * 2 ** (failures - 2), backoff.max);
  return Math.round(step * (0.5 + random() / 2));
}

/** Deaths in a row after one more, given how long the worker had lived (ms). */
export function failuresInARow(before: number, lived: number, backoff: Backoff): number {
  return lived >= backoff.forgetAfter ? 1 : before + 1;
}
