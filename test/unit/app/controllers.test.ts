import type { Socket } from "socket.io";
import t from "tap";
import { ModuleKind, ScriptTarget, transpileModule } from "typescript";
import * as application from "../../../src/app/index.js";
import {
  type App,
  type ControllerClass,
  currentContext,
  type Middleware,
  OnWSConnection,
  OnWSDisConnection,
  OnWSMessage,
  WSBroadCast,
  WSController,
  WSEmit,
} from "../../../src/app/index.js";
import { deferred, startApp } from "../../helpers/app-server.js";
import { next } from "../../helpers/heard.js";
import { until } from "../../helpers/loopback.js";

t.test("a class answers connections and messages", async (t) => {
  const left = deferred<unknown[]>();
  @WSController()
  class Hello {
    declare ctx: Socket;
    declare app: App;

    @OnWSConnection()
    @WSEmit("welcome")
    async onConnection(socket: Socket) {
      return [socket === this.ctx, this.app.io === server.io, this.ctx.id];
    }

    @OnWSMessage("sum")
    @WSEmit("result")
    async sum(a: number, b: number, c: number) {
      return { name: "harry", result: a + b + c };
    }

    @OnWSMessage("one")
    @OnWSMessage("two")
    @WSEmit("r1")
    @WSEmit("r2")
    several() {
      return currentContext()?.event;
    }

    @OnWSMessage("shout")
    @WSBroadCast("shouted")
    shout(text: string) {
      return text.toUpperCase();
    }

    @OnWSMessage("disconnecting")
    leaving(reason: string) {
      this.ctx.data.rooms = this.ctx.rooms.size;
      return reason;
    }

    @OnWSDisConnection()
    @WSBroadCast("left")
    gone(reason: string) {
      left.resolve([reason, this.ctx.data.rooms]);
      return this.ctx.id;
    }
  }
  const server = await startApp(t, { controllers: [Hello] });
  const client = server.start();
  t.strictSame(await next(client, "welcome"), [[true, true, client.id]]);

  client.emit("sum", 1, 2, 3);
  const result = { name: "harry", result: 6 };
  t.strictSame(await next(client, "result"), [result]);
  client.once("result", () => t.fail("a callback replaces @WSEmit()"));
  t.strictSame(await client.emitWithAck("sum", 1, 2, 3), result);

  for (const event of ["one", "two"]) {
    const both = Promise.all([next(client, "r1"), next(client, "r2")]);
    client.emit(event);
    t.strictSame(await both, [[event], [event]]);
  }
  t.equal(await client.emitWithAck("two"), "two");

  const other = await server.connect();
  const all = Promise.all([next(client, "shouted"), next(other, "shouted")]);
  t.equal(await client.emitWithAck("shout", "hey"), "HEY");
  t.strictSame(await all, [["HEY"], ["HEY"]], "the sender, too, and whether there is a callback");

  const goodbye = next(other, "left");
  const { id } = client;
  client.disconnect();
  t.strictSame(await left.promise, ["client namespace disconnect", 1]);
  t.strictSame(await goodbye, [id]);
  t.strictSame(server.logged, []);
});

t.test("this.ctx is the socket of the call, whatever else goes on", async (t) => {
  const all = deferred();
  let waiting = 0;
  @WSController()
  class Mixed {
    ctx!: Socket; // a field that is undefined after construction
    #calls = 0;
    readonly arrow = async () => {
      await null;
      return this.ctx.id;
    };

    @OnWSMessage("who")
    async who() {
      if (++waiting === 3) all.resolve();
      await all.promise;
      return [this.ctx.id, await this.arrow()];
    }

    @OnWSMessage("count")
    count() {
      return ++this.#calls;
    }
  }
  const server = await startApp(t, { controllers: [Mixed] });
  const [a, b] = [await server.connect(), await server.connect()];
  const answers = [a.emitWithAck("who"), b.emitWithAck("who"), a.emitWithAck("who")];
  t.strictSame(await Promise.all(answers), [
    [a.id, a.id],
    [b.id, b.id],
    [a.id, a.id],
  ]);
  t.equal(await a.emitWithAck("count"), 1);
  t.equal(await a.emitWithAck("count"), 2, "an instance for each connection");
  t.equal(await b.emitWithAck("count"), 1);
});

t.test("currentContext() is that of the call, and undefined elsewhere", async (t) => {
  const both = deferred();
  let waiting = 0;
  const leave: Middleware = (ctx, next) => {
    ctx.state.first = ctx.args[0];
    return next();
  };
  @WSController("/", { middleware: [leave] })
  class Stateful {
    @OnWSMessage("x")
    async x(_first: string) {
      if (++waiting === 2) both.resolve();
      await both.promise;
      return currentContext()?.state;
    }
  }
  const server = await startApp(t, { controllers: [Stateful] });
  const client = await server.connect();
  t.strictSame(await Promise.all([client.emitWithAck("x", "a"), client.emitWithAck("x", "b")]), [
    { first: "a" },
    { first: "b" },
  ]);
  t.equal(currentContext(), undefined);
});

t.test("the five levels of middleware, in their order", async (t) => {
  const log: string[] = [];
  const named =
    (name: string): Middleware =>
    async (ctx, next) => {
      log.push(`${name} ${ctx.event}`);
      return await next();
    };
  @WSController("/api", { middleware: [named("controller")] })
  class Api {
    @OnWSConnection({ middleware: [named("connection")] })
    init() {
      log.push("init");
    }

    @OnWSMessage("my", { middleware: [named("message")] })
    @WSEmit("ok")
    my() {
      log.push("my");
      return "fine";
    }

    @OnWSMessage("other")
    other() {}

    @OnWSDisConnection()
    gone() {
      log.push("gone");
    }
  }
  const server = await startApp(t);
  server.app
    .useConnectionMiddleware(named("global connection"))
    .useMiddleware(named("global message"))
    .useControllers(Api);
  const client = await server.connect("/api");
  client.emit("my");
  t.strictSame(await next(client, "ok"), ["fine"], "what they return goes through");
  const before = ["global connection connection", "controller connection", "connection connection"];
  const message = ["global message my", "controller my", "message my", "my"];
  t.strictSame(log.splice(0), [...before, "init", ...message]);
  await client.emitWithAck("other");
  t.strictSame(log.splice(0), ["global message other", "controller other"]);
  client.disconnect();
  await until("it is gone", () => log.length > 0);
  t.strictSame(log, ["gone"]);
});

t.test("a controller's middleware guards its messages, not those of others", async (t) => {
  const guard: Middleware = (ctx, next) => (ctx.event === "connection" ? next() : undefined);
  @WSController("/", { middleware: [guard] })
  class Guarded {
    @OnWSMessage("guarded")
    guarded() {
      t.fail("it is dropped");
    }
  }
  @WSController("/")
  class Open {
    @OnWSMessage("open")
    open() {
      return "open";
    }
  }
  const server = await startApp(t, { controllers: [Guarded, Open] });
  const client = await server.connect();
  t.equal(await client.emitWithAck("open"), "open");
  await t.rejects(client.timeout(30).emitWithAck("guarded"), /timed out/);
});

t.test("an empty controller with middleware guards the connections of its namespace", async (t) => {
  @WSController("/api", {
    middleware: [
      () => {
        throw new Error("closed");
      },
    ],
  })
  class Api {}
  const server = await startApp(t, { controllers: [Api] });
  t.strictSame(await server.refused("/api"), { message: "closed" });
});

t.test("controllers and routes share a namespace, also that of a RegExp", async (t) => {
  @WSController(/^\/room-\d+$/)
  class Room {
    declare ctx: Socket;
    @OnWSMessage("where")
    where() {
      return this.ctx.nsp.name;
    }
  }
  const server = await startApp(t, { controllers: [Room] });
  server.app.of(/^\/room-\d+$/).route("route", (ctx) => ctx.socket.nsp.name);
  for (const name of ["/room-1", "/room-2"]) {
    const client = await server.connect(name);
    t.equal(await client.emitWithAck("where"), name);
    t.equal(await client.emitWithAck("route"), name);
  }
});

t.test("methods are inherited, unless a method of the same name hides them", async (t) => {
  abstract class Base {
    @OnWSMessage("inherited")
    inherited() {
      return this.name();
    }
    @OnWSMessage("hidden")
    hidden() {
      t.fail("it is hidden");
    }
    abstract name(): string;
  }
  @WSController()
  class Derived extends Base {
    override name() {
      return "derived";
    }
    override hidden() {}
  }
  const server = await startApp(t, { controllers: [Derived] });
  const client = await server.connect();
  t.equal(await client.emitWithAck("inherited"), "derived");
  await t.rejects(client.timeout(30).emitWithAck("hidden"), /timed out/);
  t.strictSame(server.logged, []);
});

t.test("controllers can come from a container, once for each connection", async (t) => {
  @WSController()
  class Needy {
    readonly #greeting: string;
    constructor(greeting: string) {
      this.#greeting = greeting;
    }
    @OnWSMessage("greet")
    greet() {
      return this.#greeting;
    }
  }
  const made: unknown[] = [];
  const server = await startApp(t, {
    controllers: [Needy],
    createController: async (Class, socket) => {
      made.push(Class, socket.id);
      return new (Class as new (greeting: string) => object)("hello");
    },
  });
  const client = await server.connect();
  t.strictSame(made, [], "when it is needed");
  const answers = [client.emitWithAck("greet"), client.emitWithAck("greet")];
  t.strictSame(await Promise.all(answers), ["hello", "hello"]);
  t.strictSame(made, [Needy, client.id]);
});

t.test("a constructor that throws is an error of the handler", async (t) => {
  @WSController()
  class Broken {
    constructor() {
      throw new Error("no database");
    }
    @OnWSMessage("x")
    x() {}
  }
  const server = await startApp(t, { controllers: [Broken] });
  const client = await server.connect();
  t.match(await client.emitWithAck("x"), { error: { code: "INTERNAL" } });
  t.match(server.logged, [{ data: [/"x"[\s\S]*: Error: no database\n +at /] }]);
});

t.test("what cannot work is refused", async (t) => {
  const refused = (Class: ControllerClass, message: RegExp) =>
    t.throws(() => server.app.useControllers(Class), { code: "ERR_SUPERVISOR_APP", message });
  const server = await startApp(t);
  class Bare {}
  refused(Bare, /^Class Bare has no @WSController\(\)\.$/);
  @WSController()
  class Silent {
    @WSEmit("x")
    method() {}
  }
  refused(Silent, /^Silent\.method\(\) has no event to answer\.$/);
  @WSController()
  class Double {
    @OnWSMessage("x")
    one() {}
    @OnWSMessage("x")
    two() {}
  }
  refused(Double, /^Event "x" of namespace "\/" has a handler already\.$/);
  // @ts-expect-error unknown option
  @WSController("/", { middlewares: [] })
  class Misspelt {}
  t.throws(() => server.app.useControllers(Misspelt), { code: "ERR_SUPERVISOR_OPTION" });
  @WSController()
  class Mistaken {
    @OnWSMessage("y", { middleware: "auth" as never })
    method() {}
  }
  const option = 'route("y").middleware';
  t.throws(() => server.app.useControllers(Mistaken), { code: "ERR_SUPERVISOR_OPTION", option });
  t.throws(() => server.app.useControllers({} as never), { code: "ERR_SUPERVISOR_OPTION" });

  const misplaced = {
    code: "ERR_SUPERVISOR_APP",
    message: "@OnWSMessage() is for methods of instances, by their name.",
  };
  t.throws(() => {
    class Field {
      // @ts-expect-error not a method
      @OnWSMessage("x")
      field = () => {};
    }
    return Field;
  }, misplaced);
  t.throws(() => {
    class Static {
      @OnWSMessage("x")
      static method() {}
      other() {}
    }
    return Static;
  }, misplaced);
  t.throws(() => {
    class Private {
      @OnWSMessage("x")
      #method() {}
      use() {
        this.#method();
      }
    }
    return Private;
  }, misplaced);
});

t.test(
  "a decorator above ours that replaces the method is reported at the first call",
  async (t) => {
    const replace = (method: () => number, _context: ClassMethodDecoratorContext) =>
      function (this: unknown): number {
        return method.call(this);
      };
    @WSController()
    class Wrapped {
      @replace
      @OnWSMessage("lost")
      lost() {
        return 0;
      }
      @OnWSMessage("fine")
      @replace
      fine() {
        return 1;
      }
    }
    const server = await startApp(t, { controllers: [Wrapped] });
    const client = await server.connect();
    t.match(await client.emitWithAck("fine"), { error: { code: "INTERNAL" } });
    const message =
      '@OnWSMessage() marked "lost", which another decorator then replaced: put @OnWSMessage() above it.';
    const [text] = server.logged[0]?.data ?? [];
    t.match(text, `SupervisorError: ${message}`);
    t.match(text, "ERR_SUPERVISOR_APP");
  },
);

const SOURCE = `
const { OnWSConnection, OnWSDisConnection, OnWSMessage, WSBroadCast, WSController, WSEmit } = decorators;
@WSController("/old", { middleware: [(ctx, next) => next()] })
class Old {
  ctx;
  #secret = 1;
  @OnWSConnection()
  @WSEmit("welcome")
  hello() { return this.ctx.id; }
  @OnWSMessage("a")
  @OnWSMessage("b")
  @WSEmit("r")
  @WSBroadCast("all")
  async add(x) { await null; return x + this.#secret; }
  @OnWSDisConnection()
  gone() {}
}
return Old;`;

for (const experimentalDecorators of [true, false]) {
  const which = experimentalDecorators ? "experimentalDecorators" : "standard decorators of tsc";
  t.test(`${which} work`, async (t) => {
    const { outputText } = transpileModule(SOURCE, {
      compilerOptions: {
        experimentalDecorators,
        emitDecoratorMetadata: false,
        target: ScriptTarget.ES2022,
        module: ModuleKind.ESNext,
      },
    });
    t.match(outputText, experimentalDecorators ? "__decorate(" : "__esDecorate(");
    const Old = new Function("decorators", outputText)(application) as ControllerClass;
    const server = await startApp(t, { controllers: [Old] });
    const client = server.start("/old");
    t.strictSame(await next(client, "welcome"), [client.id]);
    const heard = Promise.all([next(client, "r"), next(client, "all")]);
    client.emit("a", 1);
    t.strictSame(await heard, [[2], [2]]);
    t.equal(await client.emitWithAck("b", 2), 3);
    const misplaced = transpileModule(SOURCE.replace("async add", "static async add"), {
      compilerOptions: { experimentalDecorators, target: ScriptTarget.ES2022 },
    }).outputText;
    t.throws(() => new Function("decorators", misplaced)(application), /methods of instances/);
  });
}
