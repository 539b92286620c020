import type { Socket } from "socket.io-client";
import t from "tap";
import { EventError, type Middleware } from "../../../src/app/index.js";
import { deferred, startApp } from "../../helpers/app-server.js";
import { next } from "../../helpers/heard.js";
import { until } from "../../helpers/loopback.js";

const packets = (...packetMiddleware: Middleware[]) => ({
  namespaces: { "/": { packetMiddleware } },
});

/** Resolves when the server has handled all that this client sent before. */
const settled = (client: Socket) => client.emitWithAck("settled");

t.test("a handler gets the context, as argument and as this, and the arguments", async (t) => {
  const server = await startApp(t);
  const seen = deferred<unknown>();
  server.app
    .of("/")
    .route("classic", async function () {
      const [message] = this.args;
      this.socket.emit("res", `Hi! I've got your message: ${message}`);
    })
    .route("message", (ctx, ...args: unknown[]) => {
      const { event, packet, socket, app, ack, state } = ctx;
      seen.resolve([args, event, packet, ack, state]);
      t.equal(app, server.app);
      t.equal(app.io, server.io);
      t.equal(socket.id, client.id);
      t.strictSame(ctx.args, args);
      t.throws(() => (ctx.args as unknown[]).push(1), TypeError, "what would not be seen throws");
    });
  const client = await server.connect();
  client.emit("classic", "hello");
  t.same(await next(client, "res"), ["Hi! I've got your message: hello"]);
  const bytes = Buffer.from([1, 2]);
  client.emit("message", 1, { bytes }, null);
  const args = [1, { bytes }, null];
  t.strictSame(await seen.promise, [args, "message", ["message", ...args], undefined, {}]);
});

t.test("what a handler returns is the acknowledgement", async (t) => {
  const server = await startApp(t);
  const bytes = Buffer.from([1]);
  for (const [name, value] of Object.entries({
    bytes,
    nothing: null,
    no: false,
    zero: 0,
    list: [1, 2],
  })) {
    server.app.of("/").route(name, async () => value);
  }
  server.app.of("/").route("void", async () => {});
  const client = await server.connect();
  t.same(await client.emitWithAck("bytes"), bytes);
  t.equal(await client.emitWithAck("nothing"), null);
  t.equal(await client.emitWithAck("no"), false);
  t.equal(await client.emitWithAck("zero"), 0);
  t.strictSame(await client.emitWithAck("list"), [1, 2]);
  const answer = await new Promise<unknown[]>((resolve) =>
    client.emit("void", (...args: unknown[]) => resolve(args)),
  );
  t.strictSame(answer, [], "undefined is an acknowledgement without arguments");
});

t.test("a callback is called once: the first answer counts", async (t) => {
  const server = await startApp(t);
  const late = deferred<() => void>();
  server.app
    .of("/")
    .route("itself", (ctx, ack: (answer: string) => void) => {
      t.equal(ctx.ack, ack);
      t.equal(ctx.answered, false);
      ack("by itself");
      t.equal(ctx.answered, true);
      return "returned";
    })
    .route("throws", (ctx) => {
      ctx.ack?.("before");
      throw new Error("after");
    })
    .route("late", (_ctx, ack: (answer: string) => void) => late.resolve(() => ack("late")))
    .route("settled", () => 0);
  const client = await server.connect();
  let calls = 0;
  client.emit("itself", (answer: unknown) => t.equal(answer, "by itself", String(++calls)));
  await settled(client);
  t.equal(calls, 1);
  t.equal(await client.emitWithAck("throws"), "before");
  await until("the error is logged", () => server.logged.length === 1);
  client.emit("late", () => calls++);
  await settled(client);
  t.equal(calls, 2, "the handler returned: that is the answer");
  (await late.promise)();
  await settled(client);
  t.equal(calls, 2);
  t.match(server.logged[1], {
    level: "warn",
    data: [/^A second acknowledgement of "late" was not sent \(socket .{20}\)\. .* promise\.$/],
  });
});

t.test("a handler that waits for its client goes on with what that answers", async (t) => {
  const server = await startApp(t);
  server.app
    .of("/")
    .route("ask", async (ctx) => [await ctx.socket.timeout(5_000).emitWithAck("name"), "!"])
    .route("in vain", (ctx) => ctx.socket.timeout(10).emitWithAck("nobody"));
  const client = await server.connect();
  client.on("name", (ack) => ack("ada"));
  t.strictSame(await client.emitWithAck("ask"), ["ada", "!"]);
  t.match(await client.emitWithAck("in vain"), { error: { code: "INTERNAL" } });
});

t.test("an error is logged, and the client learns that there was one", async (t) => {
  const server = await startApp(t);
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  server.app
    .of("/")
    .route("fails", async () => {
      throw Object.assign(new Error("secret"), { data: "secret" });
    })
    .route("meant", () => {
      throw new EventError("FULL", "The room is full", { max: 2 });
    })
    .route("bare", () => {
      throw new EventError("BARE", "No data");
    })
    .route("unsendable", () => circular)
    .route("unsendable data", () => {
      throw new EventError("X", "y", circular);
    })
    .route("nothing", () => Promise.reject());
  const client = await server.connect();
  const internal = (event: string) => ({
    error: { code: "INTERNAL", message: "Internal error", event },
  });
  t.strictSame(await client.emitWithAck("fails"), internal("fails"));
  const [entry] = server.logged;
  t.equal(entry?.level, "error");
  t.equal(entry?.data.length, 1, "one string, whatever the logger does with more");
  const [text] = entry?.data ?? [];
  t.match(text, `Error in "fails" of socket ${client.id} (/): Error: secret\n`);
  t.match(text, /packets\.test/, "the stack");
  t.strictSame(await client.emitWithAck("meant"), {
    error: { code: "FULL", message: "The room is full", event: "meant", data: { max: 2 } },
  });
  t.strictSame(await client.emitWithAck("bare"), {
    error: { code: "BARE", message: "No data", event: "bare" },
  });
  t.equal(server.logged.length, 1, "what is meant for the client is no fault");
  t.strictSame(await client.emitWithAck("unsendable"), internal("unsendable"));
  t.strictSame(await client.emitWithAck("nothing"), internal("nothing"));
  t.match(server.logged, [{}, { data: [/: RangeError/] }, { data: [/Thrown: undefined/] }]);

  client.emit("fails", "no callback");
  t.strictSame(await next(client, "error"), [internal("fails")]);
  client.emit("unsendable data");
  await until("that is logged", () => server.logged.length === 5);
  t.equal(client.connected, true);
});

t.test("onError: that of the namespace, else that of the app", async (t) => {
  const heard: unknown[] = [];
  const own: unknown[] = [];
  const server = await startApp(t, {
    onError: (error, ctx) => heard.push([error.message, ctx.event, ctx.socket.nsp.name]),
    namespaces: {
      "/": {},
      "/own": { onError: (error) => void own.push(error.message) },
      "/fails": {
        onError: async () => {
          throw new Error("in onError");
        },
      },
    },
  });
  for (const name of ["/", "/own", "/fails"]) {
    server.app.of(name).route("x", () => {
      throw name === "/" ? new EventError("X", "meant") : new Error("boom");
    });
    const client = await server.connect(name);
    t.match(await client.emitWithAck("x"), { error: { code: String } });
  }
  t.strictSame(heard, [["meant", "x", "/"]], "it gets those that are meant for clients, too");
  t.strictSame(own, ["boom"]);
  await until("that is logged", () => server.logged.length === 1);
  t.match(server.logged, [
    { data: [/^onError failed: Error: in onError\n[\s\S]*It was called with: Error: boom\n/] },
  ]);
});

t.test("the levels of middleware run in order, around each other", async (t) => {
  const log: string[] = [];
  const named =
    (name: string): Middleware =>
    async (_ctx, next) => {
      log.push(name);
      const result = await next();
      log.push(`${name}, after`);
      return `${result} ${name}`;
    };
  const server = await startApp(t, {
    packetMiddleware: [named("global")],
    ...packets(named("namespace")),
  });
  server.app.useMiddleware(named("later"));
  const handler = () => {
    log.push("handler");
    return "result";
  };
  server.app.of("/").route("x", handler, {
    middleware: [named("message")],
  });
  const client = await server.connect();
  t.equal(await client.emitWithAck("x"), "result message namespace later global");
  const order = ["global", "later", "namespace", "message"];
  const back = order.map((name) => `${name}, after`).reverse();
  t.strictSame(log, [...order, "handler", ...back]);
});

t.test("a middleware that does not call next() drops the packet", async (t) => {
  const level = { current: "" };
  const at =
    (name: string): Middleware =>
    (_ctx, next) =>
      level.current === name ? undefined : next();
  const server = await startApp(t, {
    packetMiddleware: [at("global")],
    ...packets(at("namespace")),
  });
  const handled: string[] = [];
  server.app
    .of("/")
    .route("x", () => void handled.push(level.current), { middleware: [at("message")] });
  const plain: string[] = [];
  server.io.on("connection", (socket) => {
    socket.on("x", () => plain.push(level.current));
  });
  const client = await server.connect();
  for (level.current of ["global", "namespace", "message"]) {
    const { current } = level;
    await t.rejects(client.timeout(30).emitWithAck("x"), /timed out/, current);
  }
  t.strictSame(handled, []);
  t.strictSame(plain, ["message"], "listeners besides get what has passed the namespace's");
  level.current = "";
  await client.emitWithAck("x");
  t.strictSame(handled, [""]);
});

t.test("a middleware that returns something answers in place of the handler", async (t) => {
  const server = await startApp(
    t,
    packets((ctx, next) => (ctx.event === "cached" ? "from the cache" : next())),
  );
  server.app.of("/").route("cached", () => t.fail("the handler is not run"), { emit: "result" });
  const client = await server.connect();
  t.equal(await client.emitWithAck("cached"), "from the cache");
  client.emit("cached");
  t.same(await next(client, "result"), ["from the cache"]);
});

t.test("a middleware can change the packet, and leave something for the handler", async (t) => {
  const server = await startApp(
    t,
    packets(async (ctx, next) => {
      if (ctx.event === "decrypt") ctx.packet[1] = String(ctx.packet[1]).toUpperCase();
      if (ctx.event === "replace") ctx.args = ["new", ...ctx.args.slice(-1)];
      if (ctx.event === "rename") ctx.packet[0] = "renamed";
      ctx.state.seen = true;
      await next();
    }),
  );
  for (const name of ["decrypt", "replace", "renamed"]) {
    server.app.of("/").route(name, (ctx, first: string) => [first, ctx.args.length, ctx.state]);
  }
  const plain: unknown[] = [];
  server.io.on("connection", (socket) => socket.on("decrypt", (...args) => plain.push(args[0])));
  const client = await server.connect();
  t.strictSame(await client.emitWithAck("decrypt", "abc"), ["ABC", 2, { seen: true }]);
  t.strictSame(await client.emitWithAck("replace", "a", "b"), ["new", 2, { seen: true }]);
  t.strictSame(await client.emitWithAck("rename", 1), [1, 2, { seen: true }]);
  t.strictSame(plain, ["ABC"]);
});

t.test("events are looked up by their own name only", async (t) => {
  const server = await startApp(t);
  const names = ["constructor", "__proto__", "toString", "hasOwnProperty", "*", ""];
  const client = await server.connect();
  for (const name of names) {
    await t.rejects(client.timeout(20).emitWithAck(name), /timed out/, `${name}: no route`);
  }
  for (const name of names) server.app.of("/").route(name, () => name);
  for (const name of names) t.equal(await client.emitWithAck(name), name);
});

t.test("routes that are added later are there for clients that are connected", async (t) => {
  const server = await startApp(t, { namespaces: { "/": {} } });
  const client = await server.connect();
  server.app.of("/").route("late", () => "here");
  t.equal(await client.emitWithAck("late"), "here");
});

t.test(
  "listeners that the application has besides get the packets, catch-all ones too",
  async (t) => {
    const server = await startApp(
      t,
      packets(async (_ctx, next) => void (await next())),
    );
    const any: unknown[] = [];
    server.io.on("connection", (socket) => {
      socket.onAny((event) => any.push(event));
      socket.on("plain", (ack) => ack("plain"));
    });
    const client = await server.connect();
    t.equal(await client.emitWithAck("plain"), "plain");
    t.strictSame(any, ["plain"]);
  },
);

t.test("clients cannot set off the handlers of system events", async (t) => {
  const server = await startApp(t);
  server.app
    .of("/")
    .route("error", () => t.fail("no error"))
    .route("settled", () => 0);
  let connections = 0;
  server.app.of("/").route("connection", () => void connections++);
  const client = await server.connect();
  client.emit("error", { message: "mine" });
  client.emit("connection", "again");
  await settled(client);
  t.equal(connections, 1);
  t.strictSame(server.logged, []);
});

t.test(
  "error handlers hear of errors in handlers, and of packets that cannot be read",
  async (t) => {
    const server = await startApp(t);
    const heard: string[] = [];
    server.app
      .of("/")
      .route("fails", () => {
        throw new Error("boom");
      })
      .route("error", (_ctx, error) => {
        heard.push(error.message);
        throw new Error("in the error handler");
      });
    const client = await server.connect();
    await client.emitWithAck("fails");
    await until("both are logged", () => server.logged.length === 2);
    t.match(server.logged, [{ data: [/"fails"/] }, { data: [/"error"/] }], "and it does not loop");
    client.io.engine.write("2[garbage");
    await next(client, "disconnect");
    t.strictSame(heard, ["boom", "invalid payload"]);
  },
);

t.test("what a route returns can be emitted, to the client or to all", async (t) => {
  const server = await startApp(t);
  server.app
    .of("/")
    .route("x", (_ctx, value: unknown) => value, { emit: ["r1", "r2"], broadcast: "all" })
    .route("nothing", () => {}, { emit: "r1", broadcast: "all" })
    .route("settled", () => 0);
  const client = await server.connect();
  const other = await server.connect();
  const heard: unknown[] = [];
  client.onAny((...event) => heard.push(event));
  other.onAny((...event) => heard.push(["other", ...event]));
  for (const value of [[1, 2], false]) {
    client.emit("x", value);
    await Promise.all([settled(client), next(other, "all")]);
    t.strictSame(heard.splice(0).slice(0, 3), [
      ["r1", value],
      ["r2", value],
      ["all", value],
    ]);
  }
  heard.length = 0;
  const got = next(other, "all");
  t.equal(await client.emitWithAck("x", 7), 7);
  await got;
  t.strictSame(
    heard.splice(0).sort(),
    [
      ["all", 7],
      ["other", "all", 7],
    ],
    "a callback replaces emit",
  );
  client.emit("nothing");
  await settled(client);
  t.strictSame(heard, [], "undefined is not emitted");
});

t.test("namespaces of a RegExp: one app, many namespaces", async (t) => {
  const server = await startApp(t);
  const left = deferred<string>();
  const rooms = server.app.of(/^\/room-\w+$/, {
    connectionMiddleware: [
      async (ctx, next) => {
        if (ctx.socket.nsp.name === "/room-closed") throw new Error("closed");
        await next();
        left.resolve(ctx.socket.nsp.name);
      },
    ],
  });
  rooms.route("say", (ctx, text: string) => void ctx.socket.nsp.emit("said", text));
  t.equal(server.app.of(/^\/room-\w+$/), rooms, "the same expression is the same namespace");
  const [a, b] = [await server.connect("/room-a"), await server.connect("/room-b")];
  b.on("said", () => t.fail("another namespace"));
  const said = next(a, "said");
  await a.emitWithAck("say", "hello");
  t.same(await said, ["hello"]);
  t.same(await server.refused("/room-closed"), { message: "closed" });
  t.same(await server.refused("/elsewhere"), { message: "Invalid namespace" });
  const all = Promise.all([next(a, "news"), next(b, "news")]);
  b.off("said");
  rooms.nsp.emit("news", 1);
  t.same(await all, [[1], [1]]);
  a.disconnect();
  t.equal(await left.promise, "/room-a");
});

t.test("two interleaved packets each have their own context", async (t) => {
  const server = await startApp(
    t,
    packets((ctx, next) => {
      ctx.state.mine = ctx.args[0];
      return next();
    }),
  );
  const both = deferred();
  let waiting = 0;
  server.app.of("/").route("x", async (ctx) => {
    if (++waiting === 2) both.resolve();
    await both.promise;
    return [ctx.socket.id, ctx.state.mine];
  });
  const [a, b] = [await server.connect(), await server.connect()];
  t.strictSame(await Promise.all([a.emitWithAck("x", 1), b.emitWithAck("x", 2)]), [
    [a.id, 1],
    [b.id, 2],
  ]);
});

t.test("a client that has left a namespace is sent nothing more of it", async (t) => {
  const server = await startApp(t);
  server.app.of("/").route("settled", () => 0);
  server.app.of("/left").route("disconnect", () => {
    throw new Error("too late");
  });
  const client = await server.connect();
  const other = client.io.socket("/left").connect();
  await new Promise<void>((resolve) => other.once("connect", resolve));
  const packets: string[] = [];
  client.io.on("packet", ({ nsp }) => packets.push(nsp));
  other.disconnect();
  await until("the error is logged", () => server.logged.length === 1);
  await settled(client);
  t.strictSame(packets, ["/"]);
});
