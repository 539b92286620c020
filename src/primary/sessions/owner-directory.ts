import { MAX_ROUND_QUESTIONS, SYNC_TIMEOUT } from "../../limits.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { SessionTable } from "./session-table.js";

interface Round {
  readonly id: number;
  /** Workers that have not answered yet. */
  readonly missing: Set<WorkerHandle>;
  readonly questions: (() => void)[];
  readonly timer: NodeJS.Timeout;
}

/**
 * Answers "who owns this sid?".
 *
 * The table may not know a sid yet: a worker's notice travels on another way than the handshake
 * response, and the client may be faster. So a "nobody" is given only after a round: every worker
 * is asked to tell its sessions first, and since a worker's messages arrive in order, its answer
 * proves that the table knows all that it opened before.
 *
 * There is at most one round under way and one to come; whoever asks meanwhile shares the next. So
 * requests with made-up sids cost a bounded number of messages, however many there are.
 *
 * A worker that stands still has to be left out, or everybody would wait for it (B3): at once when
 * that is known of it, else after `SYNC_TIMEOUT`, and then until it has answered. A session that it
 * opened just before, and did not tell, is unknown meanwhile; nobody could answer for it anyway.
 */
export class OwnerDirectory {
  readonly #table: SessionTable<WorkerHandle>;
  /** Workers that can answer a round. */
  readonly #members: () => Iterable<WorkerHandle>;
  /** Workers that have been asked, and did not answer in time. */
  readonly #silent = new WeakSet<WorkerHandle>();
  #round: Round | undefined;
  #next: (() => void)[] = [];
  #lastId = 0;

  constructor(table: SessionTable<WorkerHandle>, members: () => Iterable<WorkerHandle>) {
    this.#table = table;
    this.#members = members;
  }

  /** @param answer gets the owner, or `undefined` when nobody owns `sid`; called once */
  find(sid: string, answer: (owner: WorkerHandle | undefined) => void): void {
    const owner = this.#table.ownerOf(sid);
    if (owner !== undefined) answer(owner);
    else this.afterSync(() => answer(this.#table.ownerOf(sid)));
  }

  /** Calls `then` when all that the workers had to say at this moment has arrived. */
  afterSync(then: () => void): void {
    if (this.#next.length >= MAX_ROUND_QUESTIONS) {
      then();
      return;
    }
    this.#next.push(then);
    if (this.#round === undefined) this.#start();
  }

  /** `worker` has answered round `id`. */
  answered(worker: WorkerHandle, id: number): void {
    this.#silent.delete(worker);
    if (this.#round?.id === id) this.#drop(this.#round, worker);
  }

  /** A worker that is gone, or hangs, has nothing to say. */
  gone(worker: WorkerHandle): void {
    if (this.#round !== undefined) this.#drop(this.#round, worker);
  }

  #start(): void {
    const round: Round = {
      id: ++this.#lastId,
      missing: new Set([...this.#members()].filter((worker) => !this.#silent.has(worker))),
      questions: this.#next,
      timer: setTimeout(() => this.#leaveOut(round), SYNC_TIMEOUT).unref(),
    };
    this.#next = [];
    this.#round = round;
    for (const worker of round.missing) worker.send({ type: "supervisor:sync", id: round.id });
    if (round.missing.size === 0) this.#finish(round);
  }

  #leaveOut(round: Round): void {
    for (const worker of round.missing) this.#silent.add(worker);
    this.#finish(round);
  }

  #drop(round: Round, worker: WorkerHandle): void {
    round.missing.delete(worker);
    if (round.missing.size === 0) this.#finish(round);
  }

  #finish(round: Round): void {
    if (this.#round !== round) return;
    clearTimeout(round.timer);
    this.#round = undefined;
    for (const answer of round.questions) answer();
    // An answer may have asked again, and started the next round itself.
    if (this.#round === undefined && this.#next.length > 0) this.#start();
  }
}
