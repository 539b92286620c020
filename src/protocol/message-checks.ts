/** What guards ask of the fields of a message that comes from another process. */
import { MAX_HANDOFF_BYTES, MAX_TEXT } from "../limits.js";
import { MAX_DELAY } from "../options/checks.js";

export type Fields = Record<string, unknown>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null;
export const isNumber = (value: unknown, min: number, max: number): value is number =>
  typeof value === "number" && value >= min && value <= max; // never NaN
/** Of ids, counts, bytes. */
export const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;
export const isDelay = (value: unknown): value is number => isNumber(value, 0, MAX_DELAY);
export const isText = (value: unknown): value is string =>
  typeof value === "string" && value.length <= MAX_TEXT;
export const isTextOrNull = (value: unknown): boolean => value === null || isText(value);
export const isBytes = (value: unknown): value is Uint8Array =>
  value instanceof Uint8Array && value.byteLength <= MAX_HANDOFF_BYTES;
/** For what messages of other packages leave out. */
export const isOptionalFlag = (value: unknown): boolean =>
  value === undefined || typeof value === "boolean";

/** Not with `every()`, which passes over holes. */
export function isTexts(value: unknown): value is string[] {
  if (!Array.isArray(value)) return false;
  for (let index = 0; index < value.length; index++) if (!isText(value[index])) return false;
  return true;
}
