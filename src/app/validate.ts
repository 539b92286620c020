import type { Context } from "./context.js";
import { EventError } from "./event-error.js";
import type { SchemaIssue, StandardSchema } from "./standard-schema.js";

/** One thing that is wrong with the arguments of a packet. */
export interface ValidationIssue {
  message: string;
  /** The argument's index, then the way to the value inside it. */
  path: (string | number)[];
}

/**
 * Puts what the schemas make of the arguments in their place.
 *
 * @throws EventError `VALIDATION`
 */
export async function validateArgs(
  ctx: Context,
  schemas: readonly StandardSchema[],
): Promise<void> {
  const callback = ctx.ack && ctx.args.at(-1) === ctx.ack ? [ctx.ack] : [];
  const given = ctx.args.slice(0, ctx.args.length - callback.length);
  const results = await Promise.all(
    schemas.map(async (schema, index) => schema["~standard"].validate(given[index])),
  );
  const issues = results.flatMap(({ issues = [] }, index) =>
    issues.map((issue) => ({ message: issue.message, path: pathOf(index, issue) })),
  );
  for (let index = schemas.length; index < given.length; index++) {
    issues.push({ message: "Unexpected argument", path: [index] });
  }
  if (issues.length > 0) {
    throw new EventError("VALIDATION", "The arguments are not as declared", issues);
  }
  ctx.args = [...results.map((result) => (result.issues ? undefined : result.value)), ...callback];
}

function pathOf(index: number, { path = [] }: SchemaIssue): ValidationIssue["path"] {
  const keys = path.map((part) => (typeof part === "object" ? part.key : part));
  return [index, ...keys.map((key) => (typeof key === "symbol" ? String(key) : key))];
}
