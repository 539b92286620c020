import type { Canaries } from "../canaries.js";
import type { Pair } from "../targets.js";

/** What an attack has at hand. */
export interface Field {
  readonly pair: Pair;
  readonly canaries: Canaries;
  readonly seed: number;
  /** How often each exception of exceptions.ts was needed. */
  readonly excused: Map<string, number>;
}

/** One kind of attack. */
export interface Area {
  readonly name: string;
  /** Whether its servers speak TLS. */
  readonly secure: boolean;
  /** Whether attacks of it may run beside others; those with openssl's processes are costly. */
  readonly atOnce: number;
  /**
   * Attacks with case `number` of its own.
   *
   * @returns what is wrong with the answer, for people; `undefined` when it is right
   */
  attack(field: Field, number: number): Promise<string | undefined>;
}
