import { createHash } from "node:crypto";

/**
 * A value with what is large in it made small, for comparisons: a test that fails should not
 * compute, let alone print, the difference between two of 300 KB.
 */
export function summary(value: unknown): unknown {
  if (Buffer.isBuffer(value)) {
    if (value.length <= 100) return value;
    return `${value.length} bytes: ${createHash("sha256").update(value).digest("base64")}`;
  }
  if (Array.isArray(value)) {
    return value.length <= 1_000 ? value.map(summary) : `${value.length} items`;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, summary(item)]));
}
