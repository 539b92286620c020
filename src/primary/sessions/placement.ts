import {
  keepsSession,
  type LoadBalancingMethod,
  pickWorker,
  Reservations,
} from "../../policy/balance.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { SessionTable } from "./session-table.js";

/** What is remembered of one worker. */
class Picks {
  readonly reservations = new Reservations();
  /** When it last got a new session / an application's request: grows with every pick. */
  session = 0;
  request = 0;
}

/**
 * Chooses workers and remembers what is on its way to them, for all listening servers together.
 * It is given ready workers, and knows no others.
 */
export class Placement {
  readonly #sessions: SessionTable<WorkerHandle>;
  readonly #of = new WeakMap<WorkerHandle, Picks>();
  #picks = 0;

  constructor(sessions: SessionTable<WorkerHandle>) {
    this.#sessions = sessions;
  }

  /** The worker for a new session. Its load counts from now on (R6). */
  forSession(
    ready: readonly WorkerHandle[],
    method: LoadBalancingMethod,
  ): WorkerHandle | undefined {
    const candidates = ready.map((handle) => ({
      handle,
      load: this.#load(handle),
      lastPicked: this.#picksOf(handle).session,
    }));
    const picked = pickWorker(candidates, method)?.handle;
    if (picked !== undefined) this.#reserve(picked);
    return picked;
  }

  /**
   * The worker for a session whose handshake came on a connection of `asker`: itself, unless that
   * would put the workers out of balance.
   */
  forSessionAt(asker: WorkerHandle, ready: readonly WorkerHandle[]): WorkerHandle {
    const loads = ready.map((handle) => this.#load(handle));
    if (ready.includes(asker) && keepsSession(this.#load(asker), loads)) {
      this.#reserve(asker);
      return asker;
    }
    return this.forSession(ready, "least-connection") ?? asker;
  }

  /**
   * The worker for anything else. The load of requests is unknown, and that of sessions says
   * nothing about it, so workers take turns.
   */
  forRequest(
    ready: readonly WorkerHandle[],
    method: LoadBalancingMethod,
  ): WorkerHandle | undefined {
    const candidates = ready.map((handle) => ({
      handle,
      load: 0,
      lastPicked: this.#picksOf(handle).request,
    }));
    const picked = pickWorker(candidates, method === "random" ? method : "round-robin")?.handle;
    if (picked !== undefined) this.#picksOf(picked).request = ++this.#picks;
    return picked;
  }

  /** So many sessions for which there are reservations were opened, or refused. */
  arrived(handle: WorkerHandle, count = 1): void {
    this.#picksOf(handle).reservations.release(count);
  }

  #picksOf(handle: WorkerHandle): Picks {
    const picks = this.#of.get(handle) ?? new Picks();
    this.#of.set(handle, picks);
    return picks;
  }

  #load(handle: WorkerHandle): number {
    return (
      this.#sessions.count(handle) + this.#picksOf(handle).reservations.count(performance.now())
    );
  }

  #reserve(handle: WorkerHandle): void {
    const picks = this.#picksOf(handle);
    picks.session = ++this.#picks;
    picks.reservations.add(performance.now());
  }
}
