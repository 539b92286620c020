/** Nobody means to send objects as deep as this in JSON's place. */
const MAX_DEPTH = 32;

/** Whether JSON gives back exactly this: no `undefined`, no classes, nothing binary, no cycle. */
export function isPlain(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      return value === null || (depth < MAX_DEPTH && isPlainObject(value, depth));
    default:
      return false;
  }
}

function isPlainObject(value: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) {
    if (prototype !== Array.prototype || Object.keys(value).length !== value.length) return false;
    for (const item of value) if (!isPlain(item, depth + 1)) return false;
    return true;
  }
  if (prototype !== Object.prototype) return false;
  for (const name of Object.keys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, name);
    // A getter may throw, or do something; and "__proto__" is another thing in a literal.
    if (property === undefined || !("value" in property)) return false;
    if (name === "toJSON" || name === "__proto__") return false;
    if (!isPlain(property.value, depth + 1)) return false;
  }
  return true;
}
