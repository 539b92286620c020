import type { Context, Middleware } from "./context.js";
import { misuse } from "./misuse.js";

/** Runs middleware from the outside in, `last` innermost, and resolves to what came out. */
export async function compose(
  middleware: readonly Middleware[],
  ctx: Context,
  last: () => unknown,
): Promise<unknown> {
  const [first, ...rest] = middleware;
  if (!first) return last();
  let inner: Promise<unknown> | undefined;
  const result = await first(ctx, () => {
    if (inner) throw misuse("A middleware called next() twice.");
    inner = compose(rest, ctx, last);
    // Whoever calls next() may look at its outcome later, or has failed before it could.
    inner.catch(() => {});
    return inner;
  });
  return result === undefined ? inner : result;
}
