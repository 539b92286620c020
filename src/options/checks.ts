/** One check for each kind of option. Each returns the value, or throws an OptionError. */
import { inspect } from "node:util";
import { OptionError } from "../errors.js";

/**
 * Where this package writes: `console`, or any logger with these methods. Each gets one string; of
 * an error that is its stack. Structured loggers (pino, bunyan, winston) get what a line says as
 * fields, too.
 */
export interface Logger {
  info(...data: unknown[]): void;
  warn(...data: unknown[]): void;
  error(...data: unknown[]): void;
}

/** Whatever was thrown, as text for a log: with the stack, the cause and the properties of an error. */
export function errorText(error: unknown): string {
  return inspect(error);
}

/** The longest delay that Node's timers take (ms). */
export const MAX_DELAY = 2 ** 31 - 1;

/** Checks one duration; also used for arguments such as that of `stop(timeout)`. */
export function milliseconds(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && value >= 1 && value <= MAX_DELAY) return value;
  throw new OptionError(name, value, `a number of milliseconds from 1 to ${MAX_DELAY}`);
}

export function integer(
  name: string,
  value: unknown,
  fallback: number,
  min: number,
  max: number,
): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max) return Number(value);
  throw new OptionError(name, value, `an integer from ${min} to ${max}`);
}

export function flag(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value === "boolean") return value;
  throw new OptionError(name, value, "true or false");
}

export function text(name: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === "string" && value !== "")) return value;
  throw new OptionError(name, value, "a string that is not empty");
}

export function strings(name: string, value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
    return Object.freeze([...value]);
  }
  throw new OptionError(name, value, "an array of strings");
}

export function environment(name: string, value: unknown): Record<string, string | undefined> {
  if (value === undefined) return {};
  expectObject(name, value);
  for (const [key, item] of Object.entries(value as object)) {
    if (item !== undefined && typeof item !== "string") {
      throw new OptionError(`${name}.${key}`, item, "a string");
    }
  }
  return value as Record<string, string | undefined>;
}

export function oneOf<T extends string>(
  name: string,
  value: unknown,
  allowed: readonly [T, ...T[]],
): T {
  if (value === undefined) return allowed[0];
  const found = allowed.find((item) => item === value);
  if (found !== undefined) return found;
  throw new OptionError(name, value, `one of ${allowed.map((item) => `"${item}"`).join(", ")}`);
}

export function logger(name: string, value: unknown): Logger {
  if (value === undefined) return console;
  expectObject(name, value);
  const candidate = value as Partial<Logger>;
  for (const method of ["info", "warn", "error"] as const) {
    if (typeof candidate[method] !== "function") {
      throw new OptionError(`${name}.${method}`, candidate[method], "a function");
    }
  }
  return candidate as Logger;
}

export function expectObject(name: string, value: unknown): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new OptionError(name, value, "an object");
  }
}
