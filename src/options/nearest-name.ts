import { OptionError } from "../errors.js";

/** What people call an option elsewhere, and what it is called here. */
export type OtherNames = Readonly<Record<string, string>>;

/** Edits that a name may be away from another and still count as its typo. */
const MAX_EDITS = 2;

/**
 * The name that was probably meant.
 *
 * @param others names that are used elsewhere for one that is known
 * @returns `undefined` when none is near
 */
export function nearestName(
  name: string,
  known: readonly string[],
  others: OtherNames = {},
): string | undefined {
  const wanted = plain(name);
  for (const [other, own] of Object.entries(others)) {
    if (plain(other) === wanted && known.includes(own)) return own;
  }
  // Of a short name two edits leave nothing.
  const limit = Math.min(MAX_EDITS, Math.floor(wanted.length / 3));
  let nearest: string | undefined;
  let least = limit + 1;
  for (const candidate of known) {
    const distance = edits(wanted, plain(candidate));
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

/**
 * Refuses options that do not exist: they would do nothing, and nobody would know.
 *
 * @param owner whose options they are, as in `ClusterManager`
 * @throws OptionError that names the option and the nearest one that exists
 */
export function refuseUnknown(
  owner: string,
  options: object,
  known: readonly string[],
  others?: OtherNames,
): void {
  for (const [name, value] of Object.entries(options)) {
    if (known.includes(name)) continue;
    const nearest = nearestName(name, known, others);
    throw OptionError.unknown({ owner, name, value, known, nearest });
  }
}

/** `max_memory`, `maxMemory` and `max-memory` are one name. */
function plain(name: string): string {
  return name.replace(/[-_\s]/g, "").toLowerCase();
}

/** The number of letters to add, drop, change or swap with their neighbour that makes `a` `b`. */
function edits(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const change = a[row - 1] === b[column - 1] ? 0 : 1;
      const costs = [
        (last[column] ?? 0) + 1,
        (line[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + change,
      ];
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (row > 1 && column > 1 && swapped) costs.push((beforeLast[column - 2] ?? 0) + 1);
      line.push(Math.min(...costs));
    }
    beforeLast = last;
    last = line;
  }
  return last[b.length] ?? 0;
}
