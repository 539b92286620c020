import type { Outcome } from "./answers.js";
import type { Case } from "./case.js";

/**
 * Where a cluster's answers may differ from those of plain Socket.IO, each with its reason. Nothing
 * else may.
 */
export interface Exception {
  name: string;
  reason: string;
  applies(item: Case, plain: Outcome, cluster: Outcome): boolean;
}

export const EXCEPTIONS: readonly Exception[] = [];

export function exceptionFor(item: Case, plain: Outcome, cluster: Outcome): Exception | undefined {
  return EXCEPTIONS.find(({ applies }) => applies(item, plain, cluster));
}
