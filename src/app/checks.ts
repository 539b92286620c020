/** Which options there are, and what each has to be. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { OptionError } from "../errors.js";
import { expectObject, logger } from "../options/checks.js";
import { nearestName } from "../options/nearest-name.js";

/** @throws OptionError unless the value is `undefined`, or what it has to be */
type Check = (name: string, value: unknown) => unknown;
type Test = (value: unknown) => boolean;

const isFunction: Test = (value) => typeof value === "function";
const isSchema: Test = (value) =>
  isFunction((value as Partial<StandardSchemaV1> | null)?.["~standard"]?.validate);
const areNames: Test = (value) => [value].flat().every((name) => typeof name === "string");
const areFunctions: Test = (value) => Array.isArray(value) && value.every(isFunction);
const areSchemas: Test = (value) => Array.isArray(value) && value.every(isSchema);

const check =
  (expected: string, fits: Test): Check =>
  (name, value) => {
    if (value !== undefined && !fits(value)) throw new OptionError(name, value, expected);
  };
const aFunction = check("a function", isFunction);
const anObject: Check = (name, value = {}) => expectObject(name, value);
const names = check("a string, or an array of strings", areNames);
export const functions = check("an array of functions", areFunctions);
export const schemas = check("an array of Standard Schemas", areSchemas);

const LEVEL = { connectionMiddleware: functions, packetMiddleware: functions, onError: aFunction };
export const APP = {
  namespaces: anObject,
  controllers: functions,
  createController: aFunction,
  ...LEVEL,
  logger,
};
export const NAMESPACE = { ...LEVEL, events: anObject };
export const CONTROLLER = { middleware: functions };
export const ROUTE = { middleware: functions, args: schemas, emit: names, broadcast: names };

/**
 * @param checks one for each option there is
 * @param prefix of the options' names in errors
 * @throws OptionError also for an option of another name: it is a mistake, and would do nothing
 */
export function checkOptions<Options extends object>(
  path: string,
  options: Options,
  checks: Readonly<Record<keyof Options, Check>>,
  prefix = `${path}.`,
): void {
  expectObject(path, options);
  const known = new Map<string, Check>(Object.entries(checks));
  for (const [key, value] of Object.entries(options)) {
    const fits = known.get(key);
    if (!fits) {
      const names = [...known.keys()];
      throw OptionError.unknown({
        owner: path === "options" ? "createSocketApp()" : path,
        name: key,
        option: `${path}.${key}`,
        value,
        known: names,
        nearest: nearestName(key, names),
      });
    }
    fits(prefix + key, value);
  }
}
