import { randomBytes } from "node:crypto";

/** As in socket.io-adapter (ms). */
const DEFAULT_TIMEOUT = 5_000;

/** @param error the time is up; `answers` are those that came */
export type Answered<A> = (error: Error | null, answers: A[]) => void;

interface Pending<A> {
  /** Servers that have not answered; `undefined`: it is not decided whom it is sent to. */
  missing: Set<string> | undefined;
  readonly answers: A[];
  readonly answered: Answered<A>;
  readonly timer: NodeJS.Timeout;
}

/** Questions to other workers' servers (`fetchSockets()`, `serverSideEmit()`) that are under way. */
export class Questions<A> {
  readonly #pending = new Map<string, Pending<A>>();

  /**
   * @param answers that are known already; others are added
   * @param timeout ms
   * @returns the id of the question
   */
  ask(answers: A[], answered: Answered<A>, timeout = DEFAULT_TIMEOUT): string {
    const id = randomBytes(8).toString("hex");
    const timer = setTimeout(() => {
      const missing = this.#pending.get(id)?.missing?.size ?? 0;
      this.#pending.delete(id);
      answered(new Error(`timeout reached: missing ${missing} responses`), answers);
    }, timeout);
    this.#pending.set(id, { missing: undefined, answers, answered, timer });
    return id;
  }

  /** It was sent to these servers. */
  sent(id: string, servers: Iterable<string>): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    pending.missing = new Set(servers);
    this.#check(id, pending);
  }

  /** `uid` has answered; one of which nobody knew counts as well, if others are waited for. */
  answer(id: string, uid: string, answers: readonly A[]): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    for (const answer of answers) pending.answers.push(answer);
    pending.missing?.delete(uid);
    this.#check(id, pending);
  }

  /** A server is gone. */
  lost(uid: string): void {
    for (const [id, pending] of this.#pending) {
      if (pending.missing?.delete(uid)) this.#check(id, pending);
    }
  }

  /** Of each question that was sent: how many have not answered. */
  get waitingFor(): number[] {
    const sizes = Array.from(this.#pending.values(), ({ missing }) => missing?.size);
    return sizes.filter((size) => size !== undefined);
  }

  #check(id: string, { missing, answers, answered, timer }: Pending<A>): void {
    if (missing?.size !== 0) return;
    clearTimeout(timer);
    this.#pending.delete(id);
    answered(null, answers);
  }
}
