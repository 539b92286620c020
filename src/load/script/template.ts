import { isRow } from "./data.js";

const NAME = /\{\{\s*([^{}]+?)\s*\}\}/g;

/** Finds `{{ names }}` in all strings of a value. */
export function namesIn(value: unknown): string[] {
  if (typeof value === "string") return [...value.matchAll(NAME)].map(([, name = ""]) => name);
  if (Array.isArray(value)) return value.flatMap(namesIn);
  if (isRow(value)) return Object.values(value).flatMap(namesIn);
  return [];
}

/** The value with its `{{ names }}` filled in. One that is all of a string keeps its type. */
export function fill(value: unknown, variables: ReadonlyMap<string, unknown>): unknown {
  if (typeof value === "string") {
    const [whole, name] = /^\{\{\s*([^{}]+?)\s*\}\}$/.exec(value) ?? [];
    if (whole !== undefined && name !== undefined) return lookUp(name, variables);
    return value.replace(NAME, (_, name: string) => String(lookUp(name, variables)));
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, variables));
  if (!isRow(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, fill(item, variables)]),
  );
}

/** `reply.room.name`: a variable, and what is in it. */
function lookUp(path: string, variables: ReadonlyMap<string, unknown>): unknown {
  const [name = "", ...keys] = path.split(".");
  return keys.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string, unknown>)[key]
        : undefined,
    variables.get(name),
  );
}

/** Whether a value has all that is expected of it, if anything is: objects may have more. */
export function matches(value: unknown, expected: unknown): boolean {
  if (expected === undefined) return true;
  if (isRow(expected)) {
    if (typeof value !== "object" || value === null) return false;
    return Object.entries(expected).every(([key, item]) =>
      matches((value as Record<string, unknown>)[key], item),
    );
  }
  if (Array.isArray(expected)) {
    return (
      Array.isArray(value) &&
      value.length === expected.length &&
      expected.every((item, n) => matches(value[n], item))
    );
  }
  return Object.is(value, expected);
}
