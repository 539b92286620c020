/**
 * Whether tests run whole: in the gate, or because this file was asked for by its name
 * (`npm test -- <file>`). Otherwise those are short that repeat, or go through many combinations.
 */
export const isWhole = process.env.SUITE_GATE === "1";

/** For tap's `skip`. Of `npm test` it is told as left out, not as skipped. */
export const onlyInGate: string | false = isWhole ? false : "left to the gate";

/** All of a matrix in the gate; elsewhere the given ones of it. */
export function wholeOr<T>(all: readonly T[], some: readonly T[]): readonly T[] {
  return isWhole ? all : some;
}
