/** What became of messages, by their sequence numbers. */
export interface EchoCounts {
  sent: number;
  answered: number;
  /** Never answered: the connection was lost first, or the end came. */
  lost: number;
  /** Not answered when the run was interrupted. */
  inFlight: number;
  /** Answers to what had been answered. */
  duplicates: number;
  /** Answers that were not what was sent. */
  wrong: number;
}

/** One client's echo messages. Sent is always answered + lost + in flight. */
export class EchoLedger {
  #next = 0;
  #answered = 0;
  #duplicates = 0;
  #wrong = 0;
  /** When each was due. */
  readonly #pending = new Map<number, number>();
  readonly #lost = new Map<number, number>();

  get pending(): number {
    return this.#pending.size;
  }

  /** @returns its sequence number */
  send(dueAt: number): number {
    const n = this.#next++;
    this.#pending.set(n, dueAt);
    return n;
  }

  /** @returns when it was due, if this is its first answer */
  answer(n: unknown): number | undefined {
    if (typeof n !== "number" || !Number.isInteger(n) || n < 0 || n >= this.#next) {
      this.#wrong++;
      return undefined;
    }
    // It may come after all: what the client kept while it had no connection is sent later.
    const dueAt = this.#pending.get(n) ?? this.#lost.get(n);
    if (dueAt === undefined) {
      this.#duplicates++;
      return undefined;
    }
    this.#pending.delete(n);
    this.#lost.delete(n);
    this.#answered++;
    return dueAt;
  }

  wrong(): void {
    this.#wrong++;
  }

  /** Nothing that is pending can be answered any more. */
  lose(): void {
    for (const [n, dueAt] of this.#pending) this.#lost.set(n, dueAt);
    this.#pending.clear();
  }

  counts(): EchoCounts {
    return {
      sent: this.#next,
      answered: this.#answered,
      lost: this.#lost.size,
      inFlight: this.#pending.size,
      duplicates: this.#duplicates,
      wrong: this.#wrong,
    };
  }
}

/** A broadcast, as its sender's process knows it. Times are those of the monotonic clock. */
export interface SentBroadcast {
  n: number;
  /** -1: to all. */
  room: number;
  sentAt: number;
  /** Whether the server has said that it has it. */
  accepted: boolean;
}

export interface DeliveryCounts {
  /** Delivered + lost + in flight. */
  expected: number;
  delivered: number;
  /** The client had its connection when it was sent, and never got it. */
  lost: number;
  inFlight: number;
  /** Sent while the client had no connection: nobody could deliver it. */
  missed: number;
  duplicates: number;
}

/** What one client got of all broadcasts. */
export class DeliveryLedger {
  #times = new Uint8Array(1_024);
  readonly #connections: { from: number; to: number }[] = [];

  connected(at: number): void {
    this.#connections.push({ from: at, to: Number.POSITIVE_INFINITY });
  }

  disconnected(at: number): void {
    const last = this.#connections.at(-1);
    if (last && last.to > at) last.to = at;
  }

  /** @returns whether it came for the first time */
  receive(n: number): boolean {
    if (n >= this.#times.length) {
      const longer = new Uint8Array(2 ** Math.ceil(Math.log2(n + 1)));
      longer.set(this.#times);
      this.#times = longer;
    }
    const times = this.#times[n] ?? 0;
    this.#times[n] = Math.min(255, times + 1);
    return times === 0;
  }

  /** @param lostBefore what was sent before and has not come is lost; later ones are in flight */
  count(sent: readonly SentBroadcast[], room: number, lostBefore: number): DeliveryCounts {
    const counts = { expected: 0, delivered: 0, lost: 0, inFlight: 0, missed: 0, duplicates: 0 };
    for (const broadcast of sent) {
      if (broadcast.room !== -1 && broadcast.room !== room) continue;
      const times = this.#times[broadcast.n] ?? 0;
      if (times > 0) {
        counts.delivered++;
        counts.duplicates += times - 1;
      } else if (!broadcast.accepted) {
      } else if (!this.#hadConnection(broadcast.sentAt)) {
        counts.missed++;
      } else if (broadcast.sentAt < lostBefore) {
        counts.lost++;
      } else {
        counts.inFlight++;
      }
    }
    counts.expected = counts.delivered + counts.lost + counts.inFlight;
    return counts;
  }

  #hadConnection(at: number): boolean {
    return this.#connections.some(({ from, to }) => from <= at && at < to);
  }
}
