/** How long a leaving worker has, and at which pace its sessions are moved. Pure. */

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

/** Less than this no worker gets to close what it has (ms). */
const MIN_STOP = 1_000;

/** What a leaving worker may take (ms): first to move its sessions, then to end. */
export interface LeavingTime {
  drain: number;
  stop: number;
}

/**
 * The time of one of the workers that a reload replaces: what the options say, or less of both when
 * the reload would take too long otherwise.
 *
 * @param left ms until the reload has to be done
 * @param outdated workers that are still to be replaced, this one included
 */
export function leavingTime(
  { drain, stop }: LeavingTime,
  { left, outdated, concurrency }: { left: number; outdated: number; concurrency: number },
): LeavingTime {
  const rounds = Math.max(1, Math.ceil(outdated / concurrency));
  const part = Math.min(1, Math.max(0, left) / rounds / (drain + stop));
  return {
    drain: Math.max(1, drain * part),
    stop: Math.min(stop, Math.max(MIN_STOP, stop * part)),
  };
}
