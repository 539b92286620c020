import { types } from "node:util";

/**
 * The complaint about functions, symbols and their like: of the structured clone (a DOMException),
 * and of an IPC channel with advanced serialization (a plain error of V8's serializer).
 */
export function isUncloneable(error: unknown): boolean {
  return error instanceof Error && error.message.includes("could not be cloned");
}

/**
 * A copy without what cannot be cloned: functions and symbols go, as `JSON.stringify` does it, and
 * `toJSON()` is honoured; buffers, dates, maps and sets stay what they are.
 */
export function toCloneable(value: unknown, seen = new Map<object, unknown>()): unknown {
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  if (ArrayBuffer.isView(value)) return ofOwnMemory(value);
  if (types.isArrayBuffer(value) || types.isDate(value) || types.isRegExp(value)) return value;
  if (types.isBoxedPrimitive(value)) return toCloneable(value.valueOf(), seen);
  if (types.isNativeError(value)) return withoutCause(value);
  if (isUnreachable(value)) return undefined;

  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") {
    const json: unknown = toJSON.call(value);
    // Its own toJSON() is not asked again, as in JSON: it may well be the same object.
    return typeof json === "object" && json !== null ? copy(json, seen) : toCloneable(json, seen);
  }
  return copy(value, seen);
}

function copy(value: object, seen: Map<object, unknown>): unknown {
  if (Array.isArray(value)) {
    const array: unknown[] = [];
    seen.set(value, array);
    for (const item of value) array.push(toCloneable(item, seen) ?? null);
    return array;
  }
  if (types.isMap(value)) {
    const map = new Map<unknown, unknown>();
    seen.set(value, map);
    for (const [key, item] of value) map.set(toCloneable(key, seen), toCloneable(item, seen));
    return map;
  }
  if (types.isSet(value)) {
    const set = new Set<unknown>();
    seen.set(value, set);
    for (const item of value) set.add(toCloneable(item, seen));
    return set;
  }
  const object: Record<string, unknown> = {};
  seen.set(value, object);
  for (const [key, item] of Object.entries(value)) {
    const cloneable = toCloneable(item, seen);
    if (cloneable !== undefined || item === undefined) object[key] = cloneable;
  }
  return object;
}

/** Memory that threads share does not cross processes; its bytes can. */
function ofOwnMemory(view: ArrayBufferView): ArrayBufferView {
  if (!types.isSharedArrayBuffer(view.buffer)) return view;
  return Buffer.from(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
}

/** Message and stack go; a cause may be anything. */
function withoutCause(error: Error): Error {
  const plain = new Error(error.message);
  plain.name = error.name;
  if (error.stack !== undefined) plain.stack = error.stack;
  return plain;
}

function isUnreachable(value: object): boolean {
  return (
    types.isSharedArrayBuffer(value) ||
    types.isProxy(value) ||
    types.isPromise(value) ||
    types.isWeakMap(value)
  );
}
