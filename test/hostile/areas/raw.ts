import type { ConnectionOptions } from "node:tls";
import { describeOutcome, difference } from "../answers.js";
import { type Case, describeCase } from "../case.js";
import { exceptionFor } from "../exceptions.js";
import { makeCase, RAW_AREAS, type RawArea } from "../generate/cases.js";
import { play } from "../play.js";
import { freshAddress } from "../targets.js";
import type { Area, Field } from "./area.js";

/**
 * ms without news, each tried only when the answers differed with the one before it: a busy machine
 * is slow, and what differs for that reason is no finding.
 */
const PATIENCE = [300, 1_200, 4_000];

/** The same bytes go to both servers. @param tls of the connection that is attacked */
export async function compare(
  field: Field,
  item: Case,
  tls?: ConnectionOptions,
): Promise<string | undefined> {
  const { plain, cluster } = field.pair;
  let found: string | undefined;
  for (const patience of PATIENCE) {
    // The application sees the client's address, whoever answers.
    const options = { ...tls, localAddress: freshAddress() };
    const [wanted, got] = await Promise.all([
      play(plain, item, patience, options),
      play(cluster, item, patience, options),
    ]);
    if (!item.compares) return undefined;
    const what = difference(wanted, got);
    if (what === undefined) return undefined;
    const exception = exceptionFor(item, wanted, got);
    if (exception !== undefined) {
      field.excused.set(exception.name, (field.excused.get(exception.name) ?? 0) + 1);
      return undefined;
    }
    found =
      `${what} differ\n  ${describeCase(item)}\n  plain\n    ${describeOutcome(wanted)}` +
      `\n  cluster\n    ${describeOutcome(got)}`;
  }
  return found;
}

function areaOf(name: RawArea, secure: boolean): Area {
  const prefix = secure ? "tls-" : "";
  return {
    name: prefix + name,
    secure,
    atOnce: 8,
    attack: (field, number) => compare(field, makeCase(field.seed, name, number, prefix)),
  };
}

/** Bytes on TCP connections, then the same within TLS. */
export const rawAreas: readonly Area[] = [false, true].flatMap((secure) =>
  (Object.keys(RAW_AREAS) as RawArea[]).map((name) => areaOf(name, secure)),
);
