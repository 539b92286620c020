import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import t from "tap";
import { connectClient } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { plainServer, told } from "../helpers/plain-server.js";
import { get, head, RawConnection } from "../helpers/raw.js";
import { workerOf } from "../helpers/sessions.js";

const require = createRequire(import.meta.url);
const CLIENT_DIST = join(dirname(require.resolve("socket.io/package.json")), "client-dist");
const { version } = require("socket.io/package.json");
const FILES = [
  "socket.io.js",
  "socket.io.min.js",
  "socket.io.esm.min.js",
  "socket.io.msgpack.min.js",
];

t.test("the client bundle and its source map come from any worker", async (t) => {
  const cluster = await startCluster(t);
  const workers = new Set<number>();
  const wrong: unknown[] = [];
  while (workers.size < 3) {
    const connection = await RawConnection.open(cluster.port);
    workers.add(await workerOf(connection));
    connection.destroy();
    for (const file of [...FILES, ...FILES.map((name) => `${name}.map`)]) {
      const answer = await fetch(`http://127.0.0.1:${cluster.port}/socket.io/${file}`);
      const type = file.endsWith(".map") ? "json" : "javascript";
      const seen = {
        status: answer.status,
        type: answer.headers.get("content-type"),
        etag: answer.headers.get("etag"),
        isTheFile: (await answer.text()) === readFileSync(join(CLIENT_DIST, file), "utf8"),
      };
      const wanted = {
        status: 200,
        type: `application/${type}; charset=utf-8`,
        etag: `"${version}"`, // the same for all workers
        isTheFile: true,
      };
      if (!isDeepStrictEqual(seen, wanted)) wrong.push({ file, ...seen });
    }
  }
  t.strictSame(wrong, []);
});

const REQUESTS = [
  get("/socket.io/socket.io.js.map", { Origin: "http://a.example" }),
  get("/socket.io/socket.io.js", { "If-None-Match": `"${version}"` }),
  get("/socket.io/socket.io.min.js.map?x=1", { "If-None-Match": `W/"${version}"` }),
  head("OPTIONS", "/socket.io/socket.io.js", {
    Origin: "http://a.example",
    "Access-Control-Request-Method": "GET",
  }),
  get("/socket.io/socket.io.js?EIO=4&transport=polling&sid=nobody", {
    "If-None-Match": `"${version}"`,
  }),
  get("/socket.io/not-there.js"),
  get("/socket.io.js"),
];

for (const options of [
  { cors: { origin: "http://a.example" } },
  { serveClient: false },
  { serveClient: false, path: "/elsewhere" },
  { path: "/elsewhere" },
]) {
  t.test(`with ${JSON.stringify(options)}, as a single process`, async (t) => {
    const plain = await RawConnection.open(await plainServer(t, options));
    const cluster = await startCluster(t, { env: { IO_OPTIONS: JSON.stringify(options) } });
    const connection = await RawConnection.open(cluster.port);
    t.teardown(() => [plain, connection].map((open) => open.destroy()));
    const statuses: number[] = [];
    for (const request of [...REQUESTS, ...REQUESTS]) {
      plain.write(request);
      connection.write(request);
      const [wanted, answer] = [await plain.response(), await connection.response()];
      t.same(told(answer, "-"), told(wanted, "-"));
      statuses.push(answer.status);
    }
    const served = options.serveClient !== false && options.path === undefined;
    const expected = served
      ? [200, 304, 304, 204, 304, 400, 404]
      : options.path === undefined
        ? [400, 400, 400, 400, 400, 400, 404]
        : [404, 404, 404, 404, 404, 404, 404];
    t.same(statuses, [...expected, ...expected]);
  });
}

t.test("a client on a path of its own", async (t) => {
  for (const options of [{ path: "/a/b/" }, { path: "/c", addTrailingSlash: false }]) {
    const cluster = await startCluster(t, { env: { IO_OPTIONS: JSON.stringify(options) } });
    for (const transports of ["polling", "websocket", "upgrade"] as const) {
      const client = await connectClient(t, cluster.port, transports, options);
      t.equal(await client.emitWithAck("echo", 1), 1);
    }
    const file = `http://127.0.0.1:${cluster.port}${options.path.replace(/\/$/, "")}/socket.io.js`;
    t.equal((await fetch(file)).status, 200);
    const other = await fetch(
      `http://127.0.0.1:${cluster.port}/socket.io/?EIO=4&transport=polling`,
    );
    t.equal(other.status, 404, "elsewhere is the application");
  }
});
