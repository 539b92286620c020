import { once } from "node:events";
import type { Socket as ServerSocket } from "socket.io";
import t from "tap";
import { EventError, type Middleware } from "../../../src/app/index.js";
import { deferred, startApp } from "../../helpers/app-server.js";
import { next } from "../../helpers/heard.js";
import { until } from "../../helpers/loopback.js";

const namespace = (...connectionMiddleware: Middleware[]) => ({
  namespaces: { "/": { connectionMiddleware } },
});

t.test("code after next() runs when the client disconnects, once", async (t) => {
  const log: string[] = [];
  const left = deferred<unknown>();
  const server = await startApp(
    t,
    namespace(async (ctx, next) => {
      log.push("before");
      ctx.socket.emit("res", "connected!");
      const reason = await next();
      log.push("after");
      left.resolve(reason);
    }),
  );
  const client = server.start();
  t.same(await next(client, "res"), ["connected!"], "what is emitted before next() arrives");
  t.strictSame(log, ["before"]);
  client.disconnect();
  t.equal(await left.promise, "client namespace disconnect", "next() resolves to the reason");
  t.strictSame(log, ["before", "after"]);
});

t.test("a middleware that does not call next() rejects the connection", async (t) => {
  const server = await startApp(
    t,
    namespace((ctx) => {
      ctx.socket.disconnect();
    }),
  );
  server.io.on("connection", () => t.fail("it is not let in"));
  t.same(await server.refused(), {
    message: "Connection rejected",
    data: { code: "REJECTED" },
  });
  t.equal(server.io.sockets.sockets.size, 0);
  t.strictSame(server.logged, [], "that is no fault");
});

t.test("a middleware that throws rejects with message and data, not with the stack", async (t) => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const thrown: [unknown, { message: string; data?: unknown }][] = [
    [
      Object.assign(new Error("no room"), { data: { room: 1 } }),
      { message: "no room", data: { room: 1 } },
    ],
    [new Error("plain"), { message: "plain" }],
    [
      new EventError("AUTH", "who are you?", { retry: false }),
      { message: "who are you?", data: { retry: false } },
    ],
    ["a string", { message: "Thrown: a string" }],
    [undefined, { message: "Thrown: undefined" }],
    [Object.assign(new Error("unsendable"), { data: circular }), { message: "unsendable" }],
    [Object.assign(new Error("unsendable"), { data: 1n }), { message: "unsendable" }],
  ];
  let round = 0;
  const server = await startApp(
    t,
    namespace(async () => {
      throw thrown[round]?.[0];
    }),
  );
  for (const [, expected] of thrown) {
    t.strictSame(await server.refused(), expected);
    round++;
  }
  await until("all but the EventError are logged", () => server.logged.length === 6);
  const [text, ...more] = server.logged[0]?.data ?? [];
  t.match(text, /^Error in "connection" of socket [\w-]{20} \(\/\): Error/);
  t.match(text, String((thrown[0]?.[0] as Error | undefined)?.stack), "with the stack");
  t.strictSame(more, [], "in one string");
});

t.test("an error after next() is logged, and rejects nobody", async (t) => {
  const server = await startApp(
    t,
    namespace(async (_ctx, next) => {
      await next();
      throw new Error("while leaving");
    }),
  );
  const client = await server.connect();
  client.disconnect();
  await until("it is logged", () => server.logged.length > 0);
  t.match(server.logged, [{ level: "error", data: [/: Error: while leaving\n/] }]);
});

t.test("next() called twice is logged", async (t) => {
  const server = await startApp(
    t,
    namespace(async (_ctx, next) => {
      await next();
      await next();
    }),
  );
  (await server.connect()).disconnect();
  await until("it is logged", () => server.logged.length > 0);
  t.match(server.logged, [{ data: [/ERR_SUPERVISOR_APP/] }]);
});

t.test("of a client that goes while a middleware waits, the rest runs once", async (t) => {
  const waiting = deferred();
  const goOn = deferred();
  const left = deferred<unknown>();
  let sockets: ServerSocket | undefined;
  let times = 0;
  const server = await startApp(
    t,
    namespace(async (ctx, next) => {
      sockets = ctx.socket;
      ctx.socket.join("room");
      waiting.resolve();
      await goOn.promise;
      const reason = await next();
      times++;
      left.resolve(reason);
    }),
  );
  server.app.of("/").route("connection", () => t.fail("it was never connected"));
  server.app.of("/").route("disconnect", () => t.fail("it was never connected"));
  const client = server.start();
  await waiting.promise;
  const closed = once(sockets?.conn as never, "close");
  client.disconnect();
  await closed;
  goOn.resolve();
  t.type(await left.promise, "string");
  await until("nothing of it stays", () => server.io.sockets.adapter.rooms.size === 0);
  t.equal(server.io.sockets.sockets.size, 0);
  t.equal(times, 1);
});

t.test("of a client that goes between next() and the connection, the rest runs once", async (t) => {
  const waiting = deferred();
  const left = deferred<unknown>();
  let socket: ServerSocket | undefined;
  let times = 0;
  const server = await startApp(
    t,
    namespace(async (ctx, next) => {
      socket = ctx.socket;
      const reason = await next();
      times++;
      left.resolve(reason);
    }),
  );
  const held = deferred();
  server.io.use((_socket, next) => {
    waiting.resolve();
    held.promise.then(() => next());
  });
  const client = server.start();
  await waiting.promise;
  client.disconnect();
  t.type(await left.promise, "string", "as soon as the connection closes");
  held.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(times, 1);
  t.equal(socket?.connected, false);
});

t.test("many namespaces on one connection leave no listeners behind", async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on("warning", onWarning);
  t.teardown(() => process.off("warning", onWarning));
  const server = await startApp(t);
  const names = Array.from({ length: 15 }, (_, index) => `/n${index}`);
  for (const name of names) {
    server.app.of(name, { connectionMiddleware: [(_ctx, next) => next()] });
  }
  const first = await server.connect(names[0]);
  for (const name of names.slice(1)) {
    const client = first.io.socket(name).connect();
    await new Promise<void>((resolve) => client.once("connect", resolve));
  }
  const [socket] = server.io.of("/n0").sockets.values();
  const before = socket?.conn.listenerCount("close") ?? 99;
  t.ok(before < 5, `${before} listeners`);
  await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(warnings, []);
});

t.test("levels run in order, global first, and each can reject", async (t) => {
  const log: string[] = [];
  const named =
    (name: string): Middleware =>
    (ctx, next) => {
      log.push(name);
      if (ctx.socket.handshake.auth.stop === name) return;
      return next();
    };
  const server = await startApp(t, {
    connectionMiddleware: [named("global")],
    ...namespace(named("namespace")),
  });
  server.app.useConnectionMiddleware(named("global later"));
  server.app.of("/").route("connection", () => log.push("handler"), {
    middleware: [named("connection")],
  });
  const order = ["global", "global later", "namespace", "connection"];
  await server.connect();
  t.strictSame(log, [...order, "handler"]);
  for (const [index, stop] of order.entries()) {
    log.length = 0;
    const client = server.start("", { auth: { stop } });
    await once(client as never, "connect_error");
    t.strictSame(log, order.slice(0, index + 1), stop);
  }
});

t.test("packets wait until the connection handlers have finished", async (t) => {
  const log: unknown[] = [];
  const arrived = deferred();
  const goOn = deferred();
  const server = await startApp(t);
  server.io.on("connection", (socket) => {
    socket.use((_packet, next) => {
      arrived.resolve();
      next();
    });
  });
  server.app
    .useMiddleware((ctx, next) => {
      log.push(ctx.socket.data.user);
      return next();
    })
    .of("/")
    .route("connection", async (ctx) => {
      await goOn.promise;
      ctx.socket.data.user = "ada";
      log.push("greeted");
    })
    .route("who", (ctx) => ctx.socket.data.user);
  const client = await server.connect();
  const answer = client.emitWithAck("who");
  await arrived.promise;
  await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(log, []);
  goOn.resolve();
  t.equal(await answer, "ada");
  t.strictSame(log, ["greeted", "ada"]);
});

t.test("disconnecting handlers run while the socket is in its rooms", async (t) => {
  const rooms: number[] = [];
  const gone = deferred<unknown[]>();
  const server = await startApp(t);
  server.app
    .of("/")
    .route("disconnecting", (ctx) => void rooms.push(ctx.socket.rooms.size))
    .route("disconnect", (ctx, reason) => gone.resolve([reason, ctx.socket.rooms.size]));
  (await server.connect()).disconnect();
  t.strictSame(await gone.promise, ["client namespace disconnect", 0]);
  t.strictSame(rooms, [1]);
});

t.test(
  "the disconnect handlers of a short connection come after its connection handlers",
  async (t) => {
    const log: string[] = [];
    const connected = deferred();
    const goOn = deferred();
    const server = await startApp(t);
    server.app
      .of("/")
      .route("connection", async () => {
        connected.resolve();
        await goOn.promise;
        log.push("connection");
      })
      .route("save", () => void log.push("save"))
      .route("disconnecting", () => void log.push("disconnecting"))
      .route("disconnect", () => void log.push("disconnect"));
    const client = await server.connect();
    await connected.promise;
    client.emit("save");
    client.disconnect();
    await until("it is leaving", () => log.length > 0);
    goOn.resolve();
    await until("it has left", () => log.includes("disconnect"));
    t.strictSame(log, ["disconnecting", "connection", "save", "disconnect"], "nothing is lost");
  },
);

t.test("an error of a connection handler is logged and told; the connection stays", async (t) => {
  const server = await startApp(t);
  server.app
    .of("/")
    .route("connection", () => {
      throw new Error("secret");
    })
    .route("ping", () => "pong");
  const client = server.start();
  t.same(await next(client, "error"), [
    { error: { code: "INTERNAL", message: "Internal error", event: "connection" } },
  ]);
  t.equal(await client.emitWithAck("ping"), "pong");
  t.match(server.logged, [{ level: "error", data: [/"connection"[\s\S]*: Error: secret\n/] }]);
});

t.test("a client that is too slow is closed by Socket.IO, connectTimeout", async (t) => {
  const left = deferred<unknown>();
  const server = await startApp(
    t,
    namespace(async (ctx, next) => {
      await once(ctx.socket.conn as never, "close");
      left.resolve(await next());
    }),
    { connectTimeout: 50 },
  );
  const client = server.start();
  await once(client.io as never, "close");
  t.type(await left.promise, "string");
});

t.test("rooms by query: those who are in hear of those who join", async (t) => {
  const server = await startApp(
    t,
    namespace(async (ctx, next) => {
      const room = String(ctx.socket.handshake.query.room);
      ctx.socket.join(room);
      ctx.app.io.of("/").to(room).emit("online", ctx.socket.id);
      await next();
      ctx.app.io.of("/").to(room).emit("offline", ctx.socket.id);
    }),
  );
  const first = await server.connect("", { query: { room: "demo" } });
  const online = next(first, "online");
  const other = await server.connect("", { query: { room: "elsewhere" } });
  other.on("online", () => t.fail("another room"));
  const second = await server.connect("", { query: { room: "demo" } });
  t.same(await online, [second.id]);
  const { id } = second;
  const offline = next(first, "offline");
  second.disconnect();
  t.same(await offline, [id]);
});

t.test("a socket whose state is recovered has routes, too", async (t) => {
  const server = await startApp(
    t,
    namespace((_ctx, next) => next()),
    {
      connectionStateRecovery: {},
    },
  );
  server.app.of("/").route("recovered", (ctx) => ctx.socket.recovered);
  const client = await server.connect("", { reconnection: true, reconnectionDelay: 10 });
  server.io.emit("offset"); // a session without an offset is not recovered
  await next(client, "offset");
  t.equal(await client.emitWithAck("recovered"), false);
  client.io.engine.close();
  await new Promise<void>((resolve) => client.once("connect", resolve));
  t.equal(await client.emitWithAck("recovered"), true);
});

t.test("before next() a client gets no broadcasts, and cannot be disconnected yet", async (t) => {
  const server = await startApp(
    t,
    namespace(async (ctx, next) => {
      ctx.socket.emit("for you");
      ctx.app.io.emit("for all");
      ctx.socket.disconnect();
      if (!ctx.socket.handshake.auth.bad) return next();
      throw new Error("not you");
    }),
  );
  server.app.of("/").route("settled", () => 0);
  const heard: string[] = [];
  const client = server.start();
  client.onAny((event) => heard.push(event));
  await client.emitWithAck("settled");
  t.strictSame(heard, ["for you"]);
  const bad = server.start("", { auth: { bad: true } });
  bad.onAny((event) => t.fail(`${event} for one that is not let in`));
  const [error] = await once(bad as never, "connect_error");
  t.equal(error.message, "not you");
});
