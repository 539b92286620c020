import { keepsSession, type LoadBalancingMethod, pickWorker } from "../../policy/balance.js";
import type { SessionTable } from "../sessions/session-table.js";
import type { WorkerHandle } from "../workers/worker-handle.js";

/**
 * Chooses workers and remembers what is on its way to them, for all listening servers together.
 * It is given ready workers, and knows no others.
 */
export class Placement {
  readonly #sessions: SessionTable<WorkerHandle>;
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
      lastPicked: handle.lastPicked.session,
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
      lastPicked: handle.lastPicked.request,
    }));
    const picked = pickWorker(candidates, method === "random" ? method : "round-robin")?.handle;
    if (picked !== undefined) picked.lastPicked.request = ++this.#picks;
    return picked;
  }

  #load(handle: WorkerHandle): number {
    return this.#sessions.count(handle) + handle.reservations.count(performance.now());
  }

  #reserve(handle: WorkerHandle): void {
    handle.lastPicked.session = ++this.#picks;
    handle.reservations.add(performance.now());
  }
}
