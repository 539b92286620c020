import t from "tap";
import { Context, type Middleware, run } from "../../../src/app/context.js";

const ctx = new Context({} as never, {} as never, ["event"]);
const of = (...middleware: Middleware[]) => middleware;

t.test("middleware runs from the outside in, and back", async (t) => {
  const log: string[] = [];
  const named =
    (name: string): Middleware =>
    async (_ctx, next) => {
      log.push(`${name} before`);
      const result = await next();
      log.push(`${name} after`);
      return result;
    };
  const result = await run(of(named("a"), named("b")), ctx, async () => {
    log.push("last");
    return 1;
  });
  t.equal(result, 1);
  t.strictSame(log, ["a before", "b before", "last", "b after", "a after"]);
  t.equal(await run([], ctx, () => 2), 2, "without any");
});

t.test("what a middleware returns takes the place of the result", async (t) => {
  const changed = of(async (_ctx, next) => [await next()]);
  t.strictSame(await run(changed, ctx, () => 1), [1]);
  const early = of(() => "cached");
  t.equal(await run(early, ctx, () => t.fail("it did not call next()")), "cached");
  for (const value of [null, false, 0, ""]) {
    t.equal(
      await run(
        of(async (_ctx, next) => {
          await next();
          return value;
        }),
        ctx,
        () => 1,
      ),
      value,
    );
  }
});

t.test("a middleware that returns nothing leaves the result as it is", async (t) => {
  const egg = of(async (_ctx, next) => {
    await next();
  });
  t.equal(await run(egg, ctx, () => 1), 1);
  const floating = of((_ctx, next) => {
    next();
  });
  t.equal(await run(floating, ctx, async () => 1), 1, "even if it did not wait");
  const neither = of(() => {});
  t.equal(await run(neither, ctx, () => t.fail("it did not call next()")), undefined);
});

t.test("errors go outwards, and can be caught on the way", async (t) => {
  const boom = new Error("boom");
  const fails = () => {
    throw boom;
  };
  await t.rejects(run([], ctx, fails), boom);
  await t.rejects(
    run(of(fails), ctx, () => 1),
    boom,
  );
  await t.rejects(
    run(
      of(async (_ctx, next) => next()),
      ctx,
      fails,
    ),
    boom,
  );
  const floating = of((_ctx, next) => {
    next();
  });
  await t.rejects(run(floating, ctx, fails), boom, "nor is one lost that nobody waits for");
  const catches = of(async (_ctx, next) => {
    try {
      return await next();
    } catch (error) {
      return (error as Error).message;
    }
  });
  t.equal(await run(catches, ctx, fails), "boom");
});

t.test("no rejection is left unhandled, whichever comes first", async (t) => {
  const outer = new Error("outer");
  const fails = of((_ctx, next) => {
    next();
    throw outer;
  });
  const inner = async () => {
    throw new Error("inner");
  };
  await t.rejects(run(fails, ctx, inner), outer);
  await new Promise((resolve) => setImmediate(resolve)); // Node would tell now, and tap fail
});

t.test("next() called twice is an error", async (t) => {
  let calls = 0;
  const twice = of(async (_ctx, next) => {
    await next();
    await next();
  });
  await t.rejects(
    run(twice, ctx, () => ++calls),
    { code: "ERR_SUPERVISOR_APP", message: "A middleware called next() twice." },
  );
  t.equal(calls, 1);
});
