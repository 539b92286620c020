import { createServer } from "node:http";
import { Server } from "socket.io";
import t from "tap";
import { createSocketApp, type SocketAppOptions } from "../../../src/app/index.js";
import { sourceFiles } from "../../helpers/source-files.js";

const code = "ERR_SUPERVISOR_OPTION";
const server = () => new Server(createServer());

t.test("a server has one app", async (t) => {
  const io = server();
  const app = createSocketApp(io);
  t.equal(app.io, io);
  t.throws(() => createSocketApp(io), {
    code: "ERR_SUPERVISOR_APP",
    message: "This Socket.IO server has an app already.",
  });
  t.doesNotThrow(() => createSocketApp(server()), "another server has its own");
  t.throws(() => createSocketApp({} as Server), { code: "ERR_SUPERVISOR_OPTION", option: "io" });
});

t.test("a namespace is the same whenever it is named", async (t) => {
  const io = server();
  const app = createSocketApp(io, { namespaces: { "/chat": {}, news: {} } });
  t.equal(app.of("/chat"), app.of("/chat"));
  t.equal(app.of("chat"), app.of("/chat"), "as in Socket.IO");
  t.equal(app.of("/news"), app.of("news"));
  t.equal(app.of("/chat").nsp, io.of("/chat"));
  t.not(app.of("/a"), app.of("/b"));
  t.throws(() => app.of("/chat", { packetMiddleware: [] }), {
    code: "ERR_SUPERVISOR_APP",
    message: 'Namespace "/chat" has been set up: give its options the first time.',
  });
});

t.test("a name that a RegExp matches has to be named first", async (t) => {
  const app = createSocketApp(server());
  const first = app.of("/room-1");
  const rooms = app.of(/^\/room-/);
  t.equal(app.of(/^\/room-/), rooms);
  t.equal(app.of("/room-1"), first);
  t.throws(() => app.of("/room-2"), {
    code: "ERR_SUPERVISOR_APP",
    message: 'Namespace "/room-2" is one of /^\\/room-/: name it first.',
  });
  t.doesNotThrow(() => app.of("/elsewhere"));
  t.doesNotThrow(() => app.of(/^\/room-\d/), "Socket.IO takes the first that matches");
});

t.test("options that cannot work are refused by their name", async (t) => {
  const cases: [options: unknown, option: string][] = [
    [{ namespace: {} }, "options.namespace"],
    [{ namespaces: { "/": { connectionMiddlewares: [] } } }, "namespaces./.connectionMiddlewares"],
    [{ namespaces: { "/": { packetMiddleware: ["auth"] } } }, "namespaces./.packetMiddleware"],
    [
      { namespaces: { "/": { connectionMiddleware: () => {} } } },
      "namespaces./.connectionMiddleware",
    ],
    [{ namespaces: { "/": { onError: true } } }, "namespaces./.onError"],
    [{ namespaces: { "/": null } }, "namespaces./"],
    [{ namespaces: { "/": { events: "chat" } } }, "namespaces./.events"],
    [
      { namespaces: { "/": { events: { listen: { say: { args: [{}] } } } } } },
      "namespaces./.events.listen.say.args",
    ],
    [{ namespaces: "/chat" }, "namespaces"],
    [{ constructor: {} }, "options.constructor"],
    [{ controllers: {} }, "controllers"],
    [{ createController: "x" }, "createController"],
    [{ connectionMiddleware: {} }, "connectionMiddleware"],
    [{ packetMiddleware: [1] }, "packetMiddleware"],
    [{ onError: {} }, "onError"],
    [{ logger: {} }, "logger.info"],
  ];
  for (const [options, option] of cases) {
    const make = () => createSocketApp(server(), options as SocketAppOptions);
    t.throws(make, { name: "OptionError", code: "ERR_SUPERVISOR_OPTION", option }, option);
  }
  t.throws(() => createSocketApp(server(), { namespace: {} } as SocketAppOptions), {
    message: 'createSocketApp() has no option "namespace" (an object). Did you mean "namespaces"?',
  });
  const io = server();
  t.throws(() => createSocketApp(io, { logger: {} } as SocketAppOptions));
  t.doesNotThrow(() => createSocketApp(io), "a failed attempt leaves the server without an app");
  const app = createSocketApp(server());
  t.throws(() => app.useMiddleware("auth" as never), { code, option: "middleware" });
  t.throws(() => app.useConnectionMiddleware({} as never), { code, option: "middleware" });
});

t.test("routes that cannot work are refused", async (t) => {
  const routes = createSocketApp(server()).of("/chat");
  const handler = () => {};
  t.equal(routes.route("x", handler), routes);
  const refused = (event: string, message: string, options = {}) =>
    t.throws(() => routes.route(event, handler, options), { code: "ERR_SUPERVISOR_APP", message });
  refused("x", 'Event "x" of namespace "/chat" has a handler already.');
  for (const name of ["connect", "connect_error", "newListener", "removeListener"]) {
    refused(name, `Event "${name}" of namespace "/chat" is reserved by Socket.IO.`);
  }
  for (const name of ["connection", "disconnecting", "disconnect", "error"]) {
    const message = `Event "${name}" of namespace "/chat" comes from the socket itself: it takes no schemas.`;
    refused(name, message, { args: [] });
    t.doesNotThrow(() => routes.route(name, handler).route(name, handler), "any number of these");
  }
  const options: [unknown, string][] = [
    [{ middlewares: [] }, 'route("y").middlewares'],
    [{ middleware: {} }, 'route("y").middleware'],
    [{ args: {} }, 'route("y").args'],
    [{ args: [{}] }, 'route("y").args'],
    [{ args: [null] }, 'route("y").args'],
    [{ emit: 1 }, 'route("y").emit'],
    [{ broadcast: ["a", {}] }, 'route("y").broadcast'],
  ];
  for (const [value, option] of options) {
    t.throws(() => routes.route("y", handler, value as object), { name: "OptionError", option });
  }
  t.throws(() => routes.route("y", {} as never), { code, option: 'route("y").handler' });
  t.throws(() => routes.route(/y/ as never, handler as never), { code, option: "event" });
});

t.test("the app knows nothing of the cluster", async (t) => {
  const files = sourceFiles().filter(({ path }) => path.startsWith("app/"));
  t.ok(files.length > 5);
  for (const { path, imports } of files) {
    for (const name of imports) t.notMatch(name, /^(primary|worker|load|policy)\//, path);
  }
});
