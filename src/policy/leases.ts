/**
 * Which worker gets a lease: the right to do what only one worker may do. Pure; times are ms of a
 * monotonic clock.
 */
import type { Backoff } from "./restart.js";

/** A worker that has asked for the lease. */
export interface LeaseCandidate {
  isReady: boolean;
  generation: number;
  /** When the worker was started. */
  startedAt: number;
  /** Grows with every lease that ended; 0: it never had this one. */
  lastHeld: number;
}

export interface LeaseFacts<C extends LeaseCandidate> {
  /** Who has it. Only its own word, or its death, takes it away. */
  holder: C | undefined;
  /** In the order in which they asked. */
  candidates: readonly C[];
  /** After failures, nobody gets it before. */
  notBefore: number;
}

export interface LeaseStep<C> {
  /** Give it to this one, now. */
  grant: C | undefined;
  /** When to look again though nothing happens; `Infinity`: no need. */
  wakeAt: number;
}

/**
 * How the lease waits after holders that failed, or died: the first time not at all, then longer
 * and longer, so that a job that kills its worker does not kill all of them in a row.
 */
export const LEASE_BACKOFF: Backoff = { initial: 500, max: 30_000, forgetAfter: 10_000 };

/**
 * One holder at a time. Of the ready workers those of the newest generation come first, so that a
 * reload moves a lease once and not from one old worker to the next; of them the one that has not
 * had it for the longest time, so that another one tries after a failure; then the oldest.
 */
export function nextHolder<C extends LeaseCandidate>(
  { holder, candidates, notBefore }: LeaseFacts<C>,
  now: number,
): LeaseStep<C> {
  const nothing = { grant: undefined, wakeAt: Number.POSITIVE_INFINITY };
  if (holder !== undefined) return nothing;
  const [first] = candidates
    .filter(({ isReady }) => isReady)
    .sort(
      (a, b) => b.generation - a.generation || a.lastHeld - b.lastHeld || a.startedAt - b.startedAt,
    );
  if (first === undefined) return nothing;
  return notBefore <= now ? { ...nothing, grant: first } : { grant: undefined, wakeAt: notBefore };
}
