/** At which pace a leaving worker's sessions are moved. Pure. */

/** A handful of sessions need not take the whole time: the longest gap between two (ms). */
const MAX_GAP = 250;

/** Timers are not finer than this (ms); below, several sessions go at once. */
const MIN_TICK = 20;

/** Of the drain time, what is left for requests that take long. */
const SHARE = 0.8;

export interface DrainPace {
  /** ms between two steps. */
  tick: number;
  /** Sessions that are closed at each step. */
  batch: number;
}

/**
 * Spreads `sessions` over `timeout` ms: so many clients that reconnect at once would be a load of
 * their own (S2).
 */
export function drainPace(sessions: number, timeout: number): DrainPace {
  const gap = Math.min((timeout * SHARE) / Math.max(1, sessions), MAX_GAP);
  const batch = Math.max(1, Math.ceil(MIN_TICK / gap));
  return { tick: gap * batch, batch };
}
