/** How often, by reason, status or pid. */
export type Tally = Record<string, number>;

/** A value of numbers in objects, of any depth. */
type Tree = number | { [key: string]: Tree };

export function addTrees<T>(a: T, b: T): T {
  return add(a as Tree, b as Tree) as T;
}

function add(a: Tree, b: Tree): Tree {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (typeof a !== "object" || typeof b !== "object") throw new Error("unlike counts");
  const sum = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const own = sum[key];
    sum[key] = own === undefined ? value : add(own, value);
  }
  return sum;
}

export function total(tally: Tally): number {
  return Object.values(tally).reduce((sum, count) => sum + count, 0);
}

export function count(tally: Tally, key: string): void {
  tally[key] = (tally[key] ?? 0) + 1;
}
