import { types } from "node:util";

/** The structured clone's complaint about functions, symbols and their like. */
export function isUncloneable(error: unknown): boolean {
  return error instanceof Error && error.name === "DataCloneError";
}

/**
 * A copy without what cannot be cloned: functions and symbols go, as `JSON.stringify` does it, and
 * `toJSON()` is honoured; buffers, dates, maps and sets stay what they are.
 */
export function toCloneable(value: unknown, seen = new Map<object, unknown>()): unknown {
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) || types.isDate(value))
    return value;
  if (types.isRegExp(value) || types.isNativeError(value)) return value;
  if (types.isProxy(value) || types.isPromise(value) || types.isWeakMap(value)) return undefined;

  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return toCloneable(toJSON.call(value), seen);
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    seen.set(value, copy);
    for (const item of value) copy.push(toCloneable(item, seen) ?? null);
    return copy;
  }
  if (types.isMap(value)) {
    const copy = new Map<unknown, unknown>();
    seen.set(value, copy);
    for (const [key, item] of value) copy.set(toCloneable(key, seen), toCloneable(item, seen));
    return copy;
  }
  if (types.isSet(value)) {
    const copy = new Set<unknown>();
    seen.set(value, copy);
    for (const item of value) copy.add(toCloneable(item, seen));
    return copy;
  }
  const copy: Record<string, unknown> = {};
  seen.set(value, copy);
  for (const [key, item] of Object.entries(value)) {
    const cloneable = toCloneable(item, seen);
    if (cloneable !== undefined || item === undefined) copy[key] = cloneable;
  }
  return copy;
}
