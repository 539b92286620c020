import { types } from "node:util";

/** Nobody means to send objects as deep as this; walking deeper would exhaust the stack. */
const MAX_DEPTH = 500;

type Mode =
  /** Stays what it is as far as the structured clone can carry it. */
  | "clone"
  /** Becomes what JSON would make of it; only binary data stays. */
  | "json";

/**
 * A copy without what cannot be cloned: functions and symbols go, as `JSON.stringify` does it, and
 * `toJSON()` is honoured; buffers, dates, maps and sets stay what they are. Never throws.
 */
export function toCloneable(value: unknown): unknown {
  return new Copier("clone").copy(value, 0);
}

/**
 * What a client would get of `value`: as JSON has it, with binary data kept. A clone would carry
 * the contents of an object, but not its `toJSON()`, so that clients of other workers would get
 * something else.
 */
export function toPayload(value: unknown): unknown {
  return new Copier("json").copy(value, 0);
}

class Copier {
  readonly #mode: Mode;
  readonly #seen = new Map<object, unknown>();

  constructor(mode: Mode) {
    this.#mode = mode;
  }

  copy(value: unknown, depth: number, asksJson = true): unknown {
    if (typeof value === "function" || typeof value === "symbol") return undefined;
    if (typeof value !== "object" || value === null) return value;
    if (this.#seen.has(value)) return this.#seen.get(value);
    if (depth > MAX_DEPTH || isUnreachable(value)) return undefined;
    if (ArrayBuffer.isView(value)) return ofOwnMemory(value);
    if (types.isArrayBuffer(value) || types.isDate(value)) return value;
    if (types.isBoxedPrimitive(value)) return this.copy(value.valueOf(), depth);

    const isProxy = types.isProxy(value);
    // Of a proxy that is revoked there is nothing left to ask.
    if (isProxy && attempt(() => Array.isArray(value), value) === undefined) return undefined;
    const toJson = asksJson ? read(value, "toJSON") : undefined;
    // What it gives is not asked again, as in JSON: it may well be the same object.
    if (typeof toJson === "function") {
      return this.copy(attempt(toJson as () => unknown, value), depth + 1, false);
    }
    if (isProxy) return this.#copyProxy(value, depth);
    if (Array.isArray(value)) return this.#copyArray(value, depth);
    if (this.#mode === "clone") {
      if (types.isRegExp(value)) return value;
      if (types.isNativeError(value)) return withoutCause(value);
      if (types.isMap(value)) return this.#copyMap(value, depth);
      if (types.isSet(value)) return this.#copySet(value, depth);
    }
    return this.#copyObject(value, depth);
  }

  /** What it stands for, as far as its traps tell: @socket.io/admin-ui makes `socket.data` one. */
  #copyProxy(value: object, depth: number): unknown {
    const keys = attempt(() => Object.keys(value), value) as string[] | undefined;
    if (keys === undefined) return undefined;
    if (!Array.isArray(value)) return this.#copyObject(value, depth, keys);
    const items = keys.filter((key) => /^\d+$/.test(key)).map((key) => read(value, key));
    return this.#copyArray(value, depth, items);
  }

  #copyArray(value: unknown[], depth: number, items = value): unknown[] {
    const array: unknown[] = [];
    this.#seen.set(value, array);
    for (const item of items) array.push(this.copy(item, depth + 1) ?? null);
    return array;
  }

  #copyMap(value: Map<unknown, unknown>, depth: number): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>();
    this.#seen.set(value, map);
    for (const [key, item] of value) map.set(this.copy(key, depth + 1), this.copy(item, depth + 1));
    return map;
  }

  #copySet(value: Set<unknown>, depth: number): Set<unknown> {
    const set = new Set<unknown>();
    this.#seen.set(value, set);
    for (const item of value) set.add(this.copy(item, depth + 1));
    return set;
  }

  #copyObject(value: object, depth: number, keys = Object.keys(value)): object {
    const object: Record<string, unknown> = {};
    this.#seen.set(value, object);
    for (const key of keys) {
      const item = read(value, key);
      const copy = this.copy(item, depth + 1);
      if (copy !== undefined || item === undefined) object[key] = copy;
    }
    return object;
  }
}

/** A getter may throw; then there is nothing to copy. */
function read(value: object, key: string): unknown {
  return attempt(() => (value as Record<string, unknown>)[key], value);
}

function attempt(act: () => unknown, self: object): unknown {
  try {
    return Reflect.apply(act, self, []);
  } catch {
    return undefined; // the application's own code failed on its own data: that part is left out
  }
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
  return types.isSharedArrayBuffer(value) || types.isPromise(value) || types.isWeakMap(value);
}
