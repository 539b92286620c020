import { debug, type LeaseEvent, leases } from "../../diagnostics.js";
import { MAX_LEASE_REQUESTS } from "../../limits.js";
import { LEASE_BACKOFF, type LeaseCandidate, nextHolder } from "../../policy/leases.js";
import { failuresInARow, restartDelay } from "../../policy/restart.js";
import type { LeaseOutcome, ToPrimary } from "../../protocol/messages.js";
import { type PoolSystem, realClock } from "../supervision/pool-system.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";

/** A worker that wants the lease: one `runOnce()` in it, which `id` names there. */
class Candidate implements LeaseCandidate {
  lastHeld = 0;

  constructor(
    readonly handle: WorkerHandle,
    readonly id: number,
  ) {}

  get isReady(): boolean {
    return this.handle.state === "ready";
  }

  get generation(): number {
    return this.handle.generation;
  }

  get startedAt(): number {
    return this.handle.startedAt;
  }

  tell(type: "supervisor:lease-noted" | "supervisor:lease-granted"): void {
    this.handle.send({ type, id: this.id });
  }
}

interface Lease {
  holder: Candidate | undefined;
  /** Since when it has it. */
  since: number;
  candidates: Candidate[];
  /** Holders in a row that failed or died. */
  failures: number;
  notBefore: number;
  cancelTimer: () => void;
}

/**
 * The leases of `runOnce()`: of all workers that ask for a name, one at a time has it.
 *
 * A lease is never taken away. The holder gives it back when its work has ended, or its process
 * ends; until then nobody else gets it. A holder that cannot be reached any more (`gone`) may
 * still be at work, so it is the exit that counts.
 */
export class Leases {
  readonly #leases = new Map<string, Lease>();
  readonly #clock: Pick<PoolSystem, "now" | "after">;
  /** Workers that were told to end: their exit is no failure of what they did. */
  readonly #leaving = new WeakSet<WorkerHandle>();
  /** How many candidates each worker has. */
  readonly #requests = new WeakMap<WorkerHandle, number>();
  #ended = 0;

  constructor(
    registry: Pick<WorkerRegistry, "on">,
    clock: Pick<PoolSystem, "now" | "after"> = realClock,
  ) {
    this.#clock = clock;
    registry.on("message", (handle, message) => this.#onMessage(handle, message));
    registry.on("state", (handle) => this.#onState(handle));
    registry.on("exit", (handle) => this.#onExit(handle));
  }

  /** Names of the leases that this worker has, in the order of the first requests. */
  heldBy(handle: WorkerHandle): string[] {
    return [...this.#leases]
      .filter(([, { holder }]) => holder?.handle === handle)
      .map(([name]) => name);
  }

  #onMessage(handle: WorkerHandle, message: ToPrimary): void {
    if (message.type === "supervisor:lease") {
      const asked = this.#requests.get(handle) ?? 0;
      if (asked >= MAX_LEASE_REQUESTS) return;
      this.#requests.set(handle, asked + 1);
      const lease = this.#lease(message.name);
      const candidate = new Candidate(handle, message.id);
      lease.candidates.push(candidate);
      // So that it knows that somebody listens. Before the grant, if that follows at once.
      candidate.tell("supervisor:lease-noted");
      this.#settle(message.name, lease);
    } else if (message.type === "supervisor:lease-over") {
      this.#onOver(handle, message.id, message.outcome);
    }
  }

  #onOver(handle: WorkerHandle, id: number, outcome: LeaseOutcome): void {
    for (const [name, lease] of this.#leases) {
      const candidate = lease.candidates.find((it) => it.handle === handle && it.id === id);
      if (candidate === undefined) continue;
      if (outcome === "withdrawn") this.#remove(lease, candidate);
      if (lease.holder === candidate) this.#end(name, lease, candidate, outcome === "failed");
      this.#settle(name, lease);
      return;
    }
  }

  #onState(handle: WorkerHandle): void {
    const { state } = handle;
    if (state === "draining" || state === "stopping") this.#leaving.add(handle);
    if (state !== "ready") return;
    for (const [name, lease] of this.#leases) this.#settle(name, lease);
  }

  #onExit(handle: WorkerHandle): void {
    for (const [name, lease] of this.#leases) {
      for (const candidate of lease.candidates.filter((it) => it.handle === handle)) {
        this.#remove(lease, candidate);
        if (lease.holder === candidate)
          this.#end(name, lease, candidate, !this.#leaving.has(handle));
      }
      this.#settle(name, lease);
    }
  }

  #lease(name: string): Lease {
    const known = this.#leases.get(name);
    if (known !== undefined) return known;
    const lease: Lease = {
      holder: undefined,
      since: 0,
      candidates: [],
      failures: 0,
      notBefore: Number.NEGATIVE_INFINITY,
      cancelTimer: () => {},
    };
    this.#leases.set(name, lease);
    return lease;
  }

  #remove(lease: Lease, candidate: Candidate): void {
    this.#requests.set(candidate.handle, (this.#requests.get(candidate.handle) ?? 1) - 1);
    lease.candidates = lease.candidates.filter((it) => it !== candidate);
  }

  #end(name: string, lease: Lease, holder: Candidate, failed: boolean): void {
    tellLease(name, holder, failed ? "failed" : "over");
    const now = this.#clock.now();
    lease.holder = undefined;
    holder.lastHeld = ++this.#ended;
    lease.failures = failed ? failuresInARow(lease.failures, now - lease.since, LEASE_BACKOFF) : 0;
    lease.notBefore = now + restartDelay(lease.failures, LEASE_BACKOFF);
  }

  #settle(name: string, lease: Lease): void {
    lease.cancelTimer();
    lease.cancelTimer = () => {};
    const now = this.#clock.now();
    const { grant, wakeAt } = nextHolder(lease, now);
    if (grant !== undefined) {
      lease.holder = grant;
      lease.since = now;
      grant.tell("supervisor:lease-granted");
      tellLease(name, grant, "granted");
    } else if (wakeAt !== Number.POSITIVE_INFINITY) {
      lease.cancelTimer = this.#clock.after(Math.max(1, wakeAt - now), () =>
        this.#settle(name, lease),
      );
    } else if (lease.candidates.length === 0 && lease.notBefore <= now) {
      this.#leases.delete(name);
    }
  }
}

function tellLease(name: string, { handle: { pid } }: Candidate, step: LeaseEvent["step"]): void {
  debug("lease %s of worker %d: %s", name, pid, step);
  if (leases.isHeard) leases.tell({ name, pid, step });
}
