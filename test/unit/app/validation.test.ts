import { type } from "arktype";
import t from "tap";
import * as v from "valibot";
import { z } from "zod";
import {
  defineEvents,
  OnWSMessage,
  type StandardSchema,
  typed,
  WSController,
} from "../../../src/app/index.js";
import { startApp } from "../../helpers/app-server.js";
import { next } from "../../helpers/heard.js";

const validators: Record<string, StandardSchema> = {
  zod: z.object({ text: z.string() }),
  valibot: v.object({ text: v.string() }),
  arktype: type({ text: "string" }),
  "zod, async": z.object({ text: z.string().refine(async () => true) }),
};

for (const [name, schema] of Object.entries(validators)) {
  t.test(`${name}: what does not fit is refused, and the handler not run`, async (t) => {
    let calls = 0;
    const server = await startApp(t);
    server.app.of("/").route("message", (_ctx, ...args: unknown[]) => [++calls, args.length], {
      args: [schema],
    });
    const client = await server.connect();
    t.strictSame(await client.emitWithAck("message", { text: "fits" }), [1, 2]);
    for (const bad of [{ text: 1 }, {}, null, "text", [], 1]) {
      const answer = await client.emitWithAck("message", bad);
      t.match(answer, {
        error: {
          code: "VALIDATION",
          message: "The arguments are not as declared",
          event: "message",
          data: [{ message: /./, path: [0] }],
        },
      });
      t.notMatch(answer, { error: { stack: /./ } });
    }
    t.strictSame((await client.emitWithAck("message", { text: 1 })).error.data[0].path, [
      0,
      "text",
    ]);
    t.match(await client.emitWithAck("message"), { error: { data: [{ path: [0] }] } }, "missing");
    client.emit("message", { text: 1 });
    t.match(await next(client, "error"), [{ error: { code: "VALIDATION", event: "message" } }]);
    t.equal(calls, 1);
    t.strictSame(server.logged, [], "that is the client's fault");
  });
}

t.test("the handler gets what the schemas make of the arguments", async (t) => {
  const server = await startApp(t);
  const schemas = [z.coerce.number(), z.string().default("none"), typed<unknown>()];
  server.app
    .of("/")
    .route("x", (ctx, ...args: unknown[]) => [args.slice(0, -1), ctx.args.length], {
      args: schemas,
    })
    .route(
      "classic",
      function () {
        return this.args.slice(0, -1);
      },
      { args: schemas },
    );
  const client = await server.connect();
  t.strictSame(await client.emitWithAck("x", "42"), [[42, "none", null], 4]);
  t.strictSame(await client.emitWithAck("x", "42", "a", [1]), [[42, "a", [1]], 4]);
  t.strictSame(await client.emitWithAck("classic", "7"), [7, "none", null]);
  t.match(await client.emitWithAck("x", "no", 1, 2, 3), {
    error: {
      data: [{ path: [0] }, { path: [1] }, { path: [3], message: "Unexpected argument" }],
    },
  });
});

t.test("it comes after the middleware, which may decrypt", async (t) => {
  const server = await startApp(t, {
    packetMiddleware: [
      (ctx, next) => {
        ctx.packet[1] = JSON.parse(String(ctx.packet[1]));
        return next();
      },
    ],
  });
  server.app.of("/").route("x", (_ctx, value: unknown) => value, {
    args: [z.object({ a: z.number() })],
  });
  const client = await server.connect();
  t.strictSame(await client.emitWithAck("x", '{"a":1}'), { a: 1 });
});

t.test("declared events are validated, in routes and in controllers", async (t) => {
  const events = defineEvents({
    listen: { route: { args: [z.string()] }, method: { args: [z.string()] }, bare: {} },
  });
  @WSController("/declared")
  class Declared {
    @OnWSMessage("method")
    method(text: string) {
      return text;
    }
    @OnWSMessage("own", { args: [z.number()] })
    own(count: number) {
      return count;
    }
    @OnWSMessage("toString")
    free(anything: unknown) {
      return anything;
    }
  }
  const server = await startApp(t, {
    namespaces: { "/declared": { events } },
    controllers: [Declared],
  });
  server.app
    .of("/declared")
    .route("route", (_ctx, text) => text)
    .route("bare", () => "bare");
  const client = await server.connect("/declared");
  for (const name of ["route", "method"]) {
    t.equal(await client.emitWithAck(name, "text"), "text");
    t.match(await client.emitWithAck(name, 1), { error: { code: "VALIDATION", event: name } });
  }
  t.equal(await client.emitWithAck("own", 1), 1);
  t.match(await client.emitWithAck("own", "1"), { error: { code: "VALIDATION" } });
  t.equal(await client.emitWithAck("bare"), "bare");
  t.match(await client.emitWithAck("bare", 1), { error: { data: [{ path: [0] }] } });
  t.equal(await client.emitWithAck("toString", 1), 1, "what is not declared is not validated");
});

t.test("a validator that throws is an error of the server", async (t) => {
  const schema: StandardSchema = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: () => {
        throw new Error("broken");
      },
    },
  };
  const symbol = Symbol("key");
  const odd: StandardSchema = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: async () => ({ issues: [{ message: "odd", path: [{ key: "a" }, symbol, 1] }] }),
    },
  };
  const server = await startApp(t);
  server.app
    .of("/")
    .route("broken", () => t.fail("it is not run"), { args: [schema] })
    .route("odd", () => t.fail("it is not run"), { args: [odd] });
  const client = await server.connect();
  t.match(await client.emitWithAck("broken", 1), { error: { code: "INTERNAL" } });
  t.match(server.logged, [{ data: [/: Error: broken\n +at /] }]);
  t.strictSame((await client.emitWithAck("odd", 1)).error.data, [
    { message: "odd", path: [0, "a", "Symbol(key)", 1] },
  ]);
});
